CREATE VIEW bi.resolutions AS
SELECT
    opening.account_id,
    opening.conversation_id,
    account.base_url || '/app/accounts/' || opening.account_id || '/conversations/' || opening.conversation_id AS conversation_url,
    opening.opening,
    opening.opened_at,
    opening.opened_by,
    opening.resolved_at,
    (opening.resolved_at AT TIME ZONE account.time_zone)::date AS resolved_on,
    opening.resolved_at_is,
    opening.resolved_by,
    opening.resolved_not_before,
    opening.resolved_not_after,
    opening.resolution_seconds,
    opening.resolution_business_seconds,
    opening.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN opening.bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN opening.agent_id IS NOT NULL THEN 'agent' WHEN opening.bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    conversation.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    opening.team_id,
    team.name AS team,
    opening.is_current,
    conversation.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.conversation_openings AS opening
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = opening.account_id AND conversation.id = opening.conversation_id
LEFT JOIN helpdesk.accounts AS account ON account.account_id = opening.account_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = opening.account_id AND agent.id = opening.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = opening.account_id AND bot.type = opening.bot_type AND bot.id = opening.bot_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = opening.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = opening.account_id AND team.id = opening.team_id;

COMMENT ON VIEW bi.resolutions IS 'One row for each opening of a conversation: from when to when it was open';
COMMENT ON COLUMN bi.resolutions.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.resolutions.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.resolutions.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.resolutions.opening IS '1 for the beginning, 2 for the first reopening ...';
COMMENT ON COLUMN bi.resolutions.opened_at IS 'When it began, or came back (UTC)';
COMMENT ON COLUMN bi.resolutions.opened_by IS 'What tells it: vendor (its record or event), message (the contact''s), activity, seen (a run)';
COMMENT ON COLUMN bi.resolutions.resolved_at IS 'When it was resolved (UTC); NULL: not yet';
COMMENT ON COLUMN bi.resolutions.resolved_on IS 'Day on which it was resolved, in the account''s time zone';
COMMENT ON COLUMN bi.resolutions.resolved_at_is IS 'told (by an activity, or the vendor''s own event), bounded (by messages and runs: see the two bounds), not known (its seconds are NULL)';
COMMENT ON COLUMN bi.resolutions.resolved_by IS 'What tells that it was resolved: vendor (its own event), seen (a run saw it), inferred (the contact came back after it)';
COMMENT ON COLUMN bi.resolutions.resolved_not_before IS 'It was not resolved before this (UTC)';
COMMENT ON COLUMN bi.resolutions.resolved_not_after IS 'It was not resolved after this (UTC)';
COMMENT ON COLUMN bi.resolutions.resolution_seconds IS 'Seconds from its opening to its resolution; NULL: not resolved, or it is not known when';
COMMENT ON COLUMN bi.resolutions.resolution_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.resolutions.agent_id IS 'Number of the agent to whom it was assigned when it was resolved';
COMMENT ON COLUMN bi.resolutions.agent IS 'Name of that agent';
COMMENT ON COLUMN bi.resolutions.owner IS 'Name of the agent or bot to whom it was assigned then';
COMMENT ON COLUMN bi.resolutions.owner_kind IS 'agent or bot; NULL: it was assigned to nobody, or it is not known';
COMMENT ON COLUMN bi.resolutions.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.resolutions.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.resolutions.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.resolutions.team_id IS 'Number of the team to which it was assigned when it was resolved';
COMMENT ON COLUMN bi.resolutions.team IS 'Name of that team';
COMMENT ON COLUMN bi.resolutions.is_current IS 'Whether it is the last opening so far';
COMMENT ON COLUMN bi.resolutions.is_deleted IS 'Whether the conversation was deleted upstream';
