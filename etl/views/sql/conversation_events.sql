CREATE VIEW bi.conversation_events AS
SELECT
    event.account_id,
    event.conversation_id,
    account.base_url || '/app/accounts/' || event.account_id || '/conversations/' || event.conversation_id AS conversation_url,
    event.number,
    event.at,
    (event.at AT TIME ZONE account.time_zone)::date AS day,
    event.kind,
    event.source,
    event.not_before,
    event.not_after,
    event.opening,
    event.message_id,
    event.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN event.bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN event.agent_id IS NOT NULL THEN 'agent' WHEN event.bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    event.team_id,
    team.name AS team,
    event.priority,
    conversation.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    conversation.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.conversation_events AS event
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = event.account_id AND conversation.id = event.conversation_id
LEFT JOIN helpdesk.accounts AS account ON account.account_id = event.account_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = event.account_id AND agent.id = event.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = event.account_id AND bot.type = event.bot_type AND bot.id = event.bot_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = event.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = event.account_id AND team.id = event.team_id;

COMMENT ON VIEW bi.conversation_events IS 'One row for each change of a conversation: what happened, when, and what tells it';
COMMENT ON COLUMN bi.conversation_events.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.conversation_events.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.conversation_events.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.conversation_events.number IS 'Which change of the conversation, from 1, in the order of time';
COMMENT ON COLUMN bi.conversation_events.at IS 'When (UTC): as exactly as the source tells it';
COMMENT ON COLUMN bi.conversation_events.day IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN bi.conversation_events.kind IS 'opened, resolved, reopened; assigned, team, snoozed, pending, resumed, handed_off, priority';
COMMENT ON COLUMN bi.conversation_events.source IS 'vendor (its record or event), message, activity, seen (by a run), inferred (the contact came back after it)';
COMMENT ON COLUMN bi.conversation_events.not_before IS 'It was not before this (UTC)';
COMMENT ON COLUMN bi.conversation_events.not_after IS 'It was not after this (UTC)';
COMMENT ON COLUMN bi.conversation_events.opening IS 'Of opened, resolved and reopened: which opening; else NULL';
COMMENT ON COLUMN bi.conversation_events.message_id IS 'The message or activity that tells it; NULL: none does';
COMMENT ON COLUMN bi.conversation_events.agent_id IS 'Number of the agent who owned it from then on, or when it was resolved';
COMMENT ON COLUMN bi.conversation_events.agent IS 'Name of that agent';
COMMENT ON COLUMN bi.conversation_events.owner IS 'Name of the agent or bot who owned it then';
COMMENT ON COLUMN bi.conversation_events.owner_kind IS 'agent or bot; NULL: nobody did, or it is not told';
COMMENT ON COLUMN bi.conversation_events.team_id IS 'Number of the team that had it then';
COMMENT ON COLUMN bi.conversation_events.team IS 'Name of that team';
COMMENT ON COLUMN bi.conversation_events.priority IS 'Of priority: the new one; NULL: none, or another change';
COMMENT ON COLUMN bi.conversation_events.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.conversation_events.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.conversation_events.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.conversation_events.is_deleted IS 'Whether the conversation was deleted upstream';
