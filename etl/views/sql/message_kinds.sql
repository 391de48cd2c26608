-- What a message is to a report: said once, for every view that counts messages.
-- A reply is what a person wrote to the contact: no private note, bot, automation, template, campaign or activity. The
-- rule is Chatwoot's own (Message#human_response?). Where the vendor no longer tells who wrote, it is not known: NULL.
-- What failed never reached the contact, what was deleted is taken back, and a reaction is neither question nor answer.
-- A message whose time is ahead of us (a device's clock, an import) was written when it was first seen, at the latest.
CREATE VIEW helpdesk.message_kinds AS
SELECT
    message.account_id,
    message.id,
    message.conversation_id,
    coalesce(
        message.inbox_id,
        -- Of a message that is known in part, only the conversation tells it.
        (
            SELECT conversation.inbox_id FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = message.account_id AND conversation.id = message.conversation_id
        )
    ) AS inbox_id,
    least(message.created_at, message.first_synced_at) AS created_at,
    message.message_type,
    message.sender_type,
    message.sender_id,
    message.contact_id,
    coalesce(message.agent_id, named.agent_id) AS agent_id,
    named.agent_id IS NOT NULL AS is_author_by_name,
    message.private,
    message.deleted,
    message.status,
    message.content_type,
    message.content,
    message.content_attributes,
    message.additional_attributes,
    CASE
        WHEN message.private OR message.message_type = 'activity' THEN 'internal'
        WHEN message.message_type = 'incoming' THEN 'in'
        WHEN message.message_type IN ('outgoing', 'template') AND NOT message.private THEN 'out'
    END AS direction,
    CASE
        WHEN message.message_type = 'activity' OR message.content_attributes ->> 'automation_rule_id' IS NOT NULL THEN 'system'
        WHEN message.sender_type = 'contact' OR (message.sender_type IS NULL AND message.message_type = 'incoming') THEN 'contact'
        WHEN message.sender_type = 'user' OR named.agent_id IS NOT NULL THEN 'agent'
        WHEN message.sender_type IS NOT NULL THEN 'bot'
        WHEN message.message_type = 'template' THEN 'system'
    END AS author_kind,
    coalesce(message.message_type = 'incoming' AND message.content_attributes ->> 'is_reaction' IS DISTINCT FROM 'true', false)
        AS is_question,
    coalesce(message.message_type IN ('outgoing', 'template') AND NOT message.private AND message.status = 'failed', false)
        AS is_failed,
    CASE
        WHEN message.message_type <> 'outgoing' OR message.private OR message.deleted OR message.status = 'failed' THEN false
        WHEN message.content_attributes ->> 'automation_rule_id' IS NOT NULL
            OR message.content_attributes ->> 'is_reaction' = 'true'
            OR message.additional_attributes ->> 'campaign_id' IS NOT NULL THEN false
        WHEN message.private IS NULL THEN NULL
        WHEN message.sender_type = 'user' OR named.agent_id IS NOT NULL
            OR message.content_attributes ->> 'external_echo' = 'true' THEN true
        WHEN message.sender_type IS NOT NULL THEN false
    END AS is_human_reply,
    -- It was said, whatever became of it: that it failed or was deleted later makes no activity before it a resolution.
    CASE
        WHEN message.content_attributes ->> 'is_reaction' = 'true' THEN false
        WHEN message.message_type = 'incoming' THEN true
        WHEN message.message_type <> 'outgoing' OR message.private
            OR message.content_attributes ->> 'automation_rule_id' IS NOT NULL
            OR message.additional_attributes ->> 'campaign_id' IS NOT NULL THEN false
        ELSE message.sender_type IS NULL OR message.sender_type = 'user'
            OR coalesce(message.content_attributes ->> 'external_echo' = 'true', false)
    END AS is_spoken
FROM helpdesk.messages AS message
-- Of a message that only the vendor's search tells, the sender's name may be known, and one agent alone may bear it.
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN message.sender_type IS NULL AND message.message_type = 'outgoing' AND message.extra ->> 'sender_name' <> '' THEN (
            SELECT CASE WHEN count(*) = 1 THEN min(agent.id) END FROM helpdesk.agents AS agent
            WHERE agent.account_id = message.account_id
              AND message.extra ->> 'sender_name' IN (agent.name, agent.available_name)
        )
    END AS agent_id
) AS named
WHERE message.removed_at IS NULL;

COMMENT ON VIEW helpdesk.message_kinds IS 'Messages that the vendor still returns, and what each is to a report';
COMMENT ON COLUMN helpdesk.message_kinds.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.message_kinds.id IS 'Number of the message';
COMMENT ON COLUMN helpdesk.message_kinds.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.message_kinds.inbox_id IS 'The inbox';
COMMENT ON COLUMN helpdesk.message_kinds.created_at IS 'When it was written (UTC); where that is ahead, when it was first seen';
COMMENT ON COLUMN helpdesk.message_kinds.message_type IS 'incoming, outgoing, activity, template';
COMMENT ON COLUMN helpdesk.message_kinds.content_attributes IS 'What belongs to its kind';
COMMENT ON COLUMN helpdesk.message_kinds.additional_attributes IS 'What else belongs to it, such as its template';
COMMENT ON COLUMN helpdesk.message_kinds.direction IS 'in (from the contact), out (to the contact), internal (notes and events); NULL: not known';
COMMENT ON COLUMN helpdesk.message_kinds.author_kind IS 'contact, agent, bot or system; NULL: the vendor does not tell';
COMMENT ON COLUMN helpdesk.message_kinds.is_question IS 'Whether the contact wrote it, and waits for an answer';
COMMENT ON COLUMN helpdesk.message_kinds.is_failed IS 'Whether it was to reach the contact, and did not';
COMMENT ON COLUMN helpdesk.message_kinds.is_human_reply IS 'Whether a person answered the contact with it; NULL: not known';
COMMENT ON COLUMN helpdesk.message_kinds.is_spoken IS 'Whether contact or agent wrote it to the other, or may have, whatever became of it';
COMMENT ON COLUMN helpdesk.message_kinds.sender_type IS 'Kind of sender, as the API names it';
COMMENT ON COLUMN helpdesk.message_kinds.sender_id IS 'Number of the sender within its kind';
COMMENT ON COLUMN helpdesk.message_kinds.contact_id IS 'The sender, if a contact';
COMMENT ON COLUMN helpdesk.message_kinds.agent_id IS 'The sender, if a user';
COMMENT ON COLUMN helpdesk.message_kinds.is_author_by_name IS 'Whether the agent is known by a name only that the vendor''s search tells';
COMMENT ON COLUMN helpdesk.message_kinds.private IS 'Whether it is a note';
COMMENT ON COLUMN helpdesk.message_kinds.deleted IS 'Whether it was deleted in the inbox';
COMMENT ON COLUMN helpdesk.message_kinds.status IS 'sent, delivered, read, failed';
COMMENT ON COLUMN helpdesk.message_kinds.content_type IS 'text, input_csat ...';
COMMENT ON COLUMN helpdesk.message_kinds.content IS 'The text';
