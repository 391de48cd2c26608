CREATE VIEW bi.messages AS
SELECT
    message.account_id,
    message.id AS message_id,
    message.conversation_id,
    account.base_url || '/app/accounts/' || message.account_id || '/conversations/' || message.conversation_id AS conversation_url,
    message.created_at AS sent_at,
    (message.created_at AT TIME ZONE account.time_zone)::date AS sent_on,
    message.direction,
    message.author_kind,
    message.sender_id AS author_id,
    CASE message.author_kind
        WHEN 'agent' THEN coalesce(agent.available_name, agent.name)
        WHEN 'bot' THEN bot.name
        WHEN 'contact' THEN
            CASE
                WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.name
                ELSE 'Contact ' || message.contact_id
            END
    END AS author_name,
    message.is_human_reply,
    message.is_failed,
    message.private AS is_private,
    message.deleted AS is_deleted,
    message.status AS delivery_status,
    message.content_type,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN message.content END AS content,
    -- What stands there instead of a deleted text is the vendor's sentence.
    CASE WHEN NOT message.deleted THEN length(message.content) END AS length,
    (
        SELECT count(*) FROM helpdesk.attachments AS attachment
        WHERE attachment.account_id = message.account_id AND attachment.message_id = message.id
    ) AS attachments,
    message.inbox_id,
    inbox.name AS inbox
FROM helpdesk.message_kinds AS message
LEFT JOIN helpdesk.accounts AS account ON account.account_id = message.account_id
LEFT JOIN helpdesk.contacts AS contact ON contact.account_id = message.account_id AND contact.id = message.contact_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = message.account_id AND agent.id = message.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = message.account_id AND bot.type = message.sender_type AND bot.id = message.sender_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = message.account_id AND inbox.id = message.inbox_id;

COMMENT ON VIEW bi.messages IS 'One row a message: direction, author, and whether it is a human reply';
COMMENT ON COLUMN bi.messages.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.messages.message_id IS 'Number of the message';
COMMENT ON COLUMN bi.messages.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.messages.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.messages.sent_at IS 'When it was written (UTC); of an imported message the old time, of one dated ahead when it was first seen';
COMMENT ON COLUMN bi.messages.sent_on IS 'Day on which it was written, in the account''s time zone';
COMMENT ON COLUMN bi.messages.direction IS 'in (from the contact), out (to the contact), internal (notes and events); NULL: not known, as of one that only a search tells, which may be a note';
COMMENT ON COLUMN bi.messages.author_kind IS 'contact, agent, bot or system; NULL: the vendor does not tell';
COMMENT ON COLUMN bi.messages.author_id IS 'Number of the author within its kind';
COMMENT ON COLUMN bi.messages.author_name IS 'Name of the author; of a contact masked for who may not see personal data';
COMMENT ON COLUMN bi.messages.is_human_reply IS 'Whether a person answered the contact with it; NULL: not known';
COMMENT ON COLUMN bi.messages.is_failed IS 'Whether it was to reach the contact, and did not: it is no message out, and no reply';
COMMENT ON COLUMN bi.messages.is_private IS 'Whether it is a note that the contact does not see';
COMMENT ON COLUMN bi.messages.is_deleted IS 'Whether it was deleted in the inbox';
COMMENT ON COLUMN bi.messages.delivery_status IS 'sent, delivered, read, failed';
COMMENT ON COLUMN bi.messages.content_type IS 'text, input_csat, incoming_email, cards ...';
COMMENT ON COLUMN bi.messages.content IS 'The text, of a deleted message the vendor''s sentence saying so; NULL for who may not see personal data';
COMMENT ON COLUMN bi.messages.length IS 'Characters in the text; NULL: there is none, or it was deleted';
COMMENT ON COLUMN bi.messages.attachments IS 'How many files came with it';
COMMENT ON COLUMN bi.messages.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.messages.inbox IS 'Name of the inbox';
