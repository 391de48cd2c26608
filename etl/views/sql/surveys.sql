-- Each satisfaction survey that reached its contact, and whether it was answered: by the list of answers, or in itself.
CREATE VIEW helpdesk.surveys AS
SELECT
    message.account_id,
    message.conversation_id,
    message.id AS message_id,
    message.inbox_id,
    message.created_at AS asked_at,
    EXISTS (
        SELECT FROM helpdesk.csat_answers AS answer
        WHERE answer.account_id = message.account_id AND answer.conversation_id = message.conversation_id
          AND answer.message_id = message.id AND answer.rating IS NOT NULL
    ) AS is_answered
FROM helpdesk.message_kinds AS message
WHERE message.content_type = 'input_csat' AND NOT message.is_failed;

COMMENT ON VIEW helpdesk.surveys IS 'One row for each satisfaction survey that was sent to a contact';
COMMENT ON COLUMN helpdesk.surveys.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.surveys.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN helpdesk.surveys.message_id IS 'The message that asked';
COMMENT ON COLUMN helpdesk.surveys.inbox_id IS 'The inbox';
COMMENT ON COLUMN helpdesk.surveys.asked_at IS 'When it was sent (UTC)';
COMMENT ON COLUMN helpdesk.surveys.is_answered IS 'Whether the contact gave a rating';
