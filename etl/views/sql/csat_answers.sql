-- The list is for administrators only, older servers have none, and the vendor destroys an answer with a contact that is
-- merged into another: the message that asked carries the answer, too. Each counts once.
-- A rating is of who was assigned when it was asked for, as a run saw it then, or next: not of who is now.
-- The rating is looked at again where it becomes a number: who filters by it may have that done first.
CREATE VIEW helpdesk.csat_answers AS
SELECT
    account_id, conversation_id, contact_id, assigned_agent_id AS agent_id,
    assigned_bot_type AS bot_type, assigned_bot_id AS bot_id, message_id,
    rating, feedback_message AS feedback, csat_review_notes AS review_notes,
    CASE WHEN created_at > first_synced_at THEN first_synced_at ELSE created_at END AS answered_at, 'survey list' AS source
FROM helpdesk.csat_responses
UNION ALL
SELECT
    message.account_id, message.conversation_id, conversation.contact_id, owner.assignee_id,
    owner.assignee_bot_type, owner.assignee_bot_id, message.id,
    CASE WHEN answer ->> 'rating' ~ '^[1-5](\.0+)?$' THEN (answer ->> 'rating')::numeric::bigint END,
    answer ->> 'feedback_message', NULL, asked.at, 'message'
FROM helpdesk.messages AS message
CROSS JOIN LATERAL (
    SELECT message.content_attributes #> '{submitted_values,csat_survey_response}' AS answer
) AS submitted
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = message.account_id AND conversation.id = message.conversation_id
CROSS JOIN LATERAL (SELECT least(message.created_at, message.first_synced_at) AS at) AS asked
LEFT JOIN LATERAL (
    (
        SELECT state.assignee_id, state.assignee_bot_type, state.assignee_bot_id
        FROM helpdesk.conversation_states AS state
        WHERE state.account_id = message.account_id AND state.conversation_id = message.conversation_id
          AND (state.valid_to IS NULL OR state.valid_to > asked.at)
        ORDER BY state.valid_from LIMIT 1
    )
    UNION ALL
    SELECT conversation.assignee_id, conversation.assignee_bot_type, conversation.assignee_bot_id
    WHERE NOT EXISTS (
        SELECT FROM helpdesk.conversation_states AS state
        WHERE state.account_id = message.account_id AND state.conversation_id = message.conversation_id
    )
) AS owner ON true
WHERE message.content_type = 'input_csat' AND message.removed_at IS NULL AND answer ->> 'rating' ~ '^[1-5](\.0+)?$'
  AND NOT EXISTS (
      SELECT FROM helpdesk.csat_responses AS listed
      WHERE listed.account_id = message.account_id AND listed.message_id = message.id
  );

COMMENT ON VIEW helpdesk.csat_answers IS 'Answers to satisfaction surveys, from the vendor''s list of them and from the messages that asked';
COMMENT ON COLUMN helpdesk.csat_answers.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.csat_answers.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN helpdesk.csat_answers.contact_id IS 'Number of the contact';
COMMENT ON COLUMN helpdesk.csat_answers.agent_id IS 'Number of the agent to whom the conversation was assigned then';
COMMENT ON COLUMN helpdesk.csat_answers.bot_type IS 'Type of the bot that owned the conversation; NULL: none did';
COMMENT ON COLUMN helpdesk.csat_answers.bot_id IS 'The bot that owned the conversation; NULL: none did';
COMMENT ON COLUMN helpdesk.csat_answers.message_id IS 'The message that asked';
COMMENT ON COLUMN helpdesk.csat_answers.rating IS '1 (worst) to 5 (best)';
COMMENT ON COLUMN helpdesk.csat_answers.feedback IS 'What the contact wrote with it';
COMMENT ON COLUMN helpdesk.csat_answers.review_notes IS 'What the team noted about it';
COMMENT ON COLUMN helpdesk.csat_answers.answered_at IS 'When the answer was given (UTC); from a message: when it was asked for';
COMMENT ON COLUMN helpdesk.csat_answers.source IS 'survey list or message';
