CREATE VIEW bi.csat AS
SELECT
    answer.account_id,
    answer.conversation_id,
    account.base_url || '/app/accounts/' || answer.account_id || '/conversations/' || answer.conversation_id AS conversation_url,
    answer.contact_id,
    CASE
        WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.name
        ELSE 'Contact ' || answer.contact_id
    END AS contact_name,
    answer.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN answer.bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN answer.agent_id IS NOT NULL THEN 'agent' WHEN answer.bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    conversation.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    answer.rating,
    answer.rating >= 4 AS is_satisfied,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN answer.feedback END AS feedback,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN answer.review_notes END AS review_notes,
    answer.answered_at,
    (answer.answered_at AT TIME ZONE account.time_zone)::date AS answered_on,
    answer.source,
    conversation.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.csat_answers AS answer
LEFT JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = answer.account_id AND conversation.id = answer.conversation_id
LEFT JOIN helpdesk.accounts AS account ON account.account_id = answer.account_id
LEFT JOIN helpdesk.contacts AS contact
  ON contact.account_id = answer.account_id AND contact.id = answer.contact_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = answer.account_id AND agent.id = answer.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = answer.account_id AND bot.type = answer.bot_type AND bot.id = answer.bot_id
LEFT JOIN helpdesk.inboxes AS inbox
  ON inbox.account_id = conversation.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id;

COMMENT ON VIEW bi.csat IS 'One row an answer to a satisfaction survey';
COMMENT ON COLUMN bi.csat.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.csat.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.csat.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.csat.contact_id IS 'Number of the contact';
COMMENT ON COLUMN bi.csat.contact_name IS 'Name of the contact; ''Contact 17'' for who may not see personal data';
COMMENT ON COLUMN bi.csat.agent_id IS 'Number of the agent who is rated: who was assigned when it was asked for';
COMMENT ON COLUMN bi.csat.agent IS 'Name of the agent who is rated';
COMMENT ON COLUMN bi.csat.owner IS 'Name of the agent or bot who is rated';
COMMENT ON COLUMN bi.csat.owner_kind IS 'agent or bot; NULL: it was assigned to nobody, or it is not known';
COMMENT ON COLUMN bi.csat.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.csat.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.csat.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.csat.rating IS '1 (worst) to 5 (best)';
COMMENT ON COLUMN bi.csat.is_satisfied IS 'Whether the rating is 4 or 5';
COMMENT ON COLUMN bi.csat.feedback IS 'What the contact wrote with it; NULL for who may not see personal data';
COMMENT ON COLUMN bi.csat.review_notes IS 'What the team noted about it; NULL for who may not see personal data';
COMMENT ON COLUMN bi.csat.answered_at IS 'When the answer was given (UTC); from a message: when it was asked for';
COMMENT ON COLUMN bi.csat.answered_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN bi.csat.source IS 'survey list (the vendor''s), or message (which carries the answer, too)';
COMMENT ON COLUMN bi.csat.is_deleted IS 'Whether the conversation was deleted upstream';
