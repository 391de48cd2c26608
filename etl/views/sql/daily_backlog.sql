-- Nobody tells what was open at midnight, so it is what the first run after midnight saw, if there was one within a day.
-- First what was open at the end of which day, found by the index on the time of states; then the conversations once.
CREATE VIEW bi.daily_backlog AS
WITH held AS (
    SELECT day.account_id, day.day, seen.finished_at, state.*
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT run.finished_at
        FROM helpdesk.sync_runs AS run
        WHERE run.account_id = day.account_id AND run.selection IS NULL AND run.outcome IN ('complete', 'incomplete')
          AND run.started_at >= day.ends_at AND run.started_at < day.ends_at + interval '24 hours'
        ORDER BY run.started_at
        LIMIT 1
    ) AS seen
    CROSS JOIN LATERAL (
        SELECT state.conversation_id, state.status, state.team_id, state.assignee_id AS agent_id,
            state.assignee_bot_type AS bot_type, state.assignee_bot_id AS bot_id
        FROM helpdesk.conversation_states AS state
        WHERE state.account_id = day.account_id AND state.status <> 'resolved'
          AND tstzrange(state.valid_from, state.valid_to) @> seen.finished_at
        OFFSET 0  -- day by day: the planner would else look each conversation up for each day
    ) AS state
), counted AS (
    SELECT
        held.account_id, held.day, conversation.inbox_id, held.team_id, held.agent_id, held.bot_type, held.bot_id,
        count(*) FILTER (WHERE held.status = 'open') AS open,
        count(*) FILTER (WHERE held.status = 'pending') AS pending,
        count(*) FILTER (WHERE held.status = 'snoozed') AS snoozed,
        count(*) AS backlog
    FROM held
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = held.account_id AND conversation.id = held.conversation_id
    WHERE conversation.deleted_at IS NULL OR conversation.deleted_at > held.finished_at
    GROUP BY held.account_id, held.day, conversation.inbox_id, held.team_id, held.agent_id, held.bot_type, held.bot_id
)
SELECT
    counted.account_id,
    counted.day,
    counted.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    counted.team_id,
    team.name AS team,
    counted.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN counted.bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN counted.agent_id IS NOT NULL THEN 'agent' WHEN counted.bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    counted.open,
    counted.pending,
    counted.snoozed,
    counted.backlog
FROM counted
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = counted.account_id AND agent.id = counted.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = counted.account_id AND bot.type = counted.bot_type AND bot.id = counted.bot_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = counted.account_id AND inbox.id = counted.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = counted.account_id AND team.id = counted.team_id;

COMMENT ON VIEW bi.daily_backlog IS 'What was not resolved at the end of each day: a row a day, inbox, team and owner';
COMMENT ON COLUMN bi.daily_backlog.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_backlog.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.daily_backlog.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.daily_backlog.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.daily_backlog.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.daily_backlog.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.daily_backlog.team IS 'Name of the team';
COMMENT ON COLUMN bi.daily_backlog.agent_id IS 'Number of the agent to whom they were assigned; NULL: to nobody, or to a bot';
COMMENT ON COLUMN bi.daily_backlog.agent IS 'Name of that agent';
COMMENT ON COLUMN bi.daily_backlog.owner IS 'Name of the agent or bot to whom they were assigned';
COMMENT ON COLUMN bi.daily_backlog.owner_kind IS 'agent or bot; NULL: they were assigned to nobody, or it is not known';
COMMENT ON COLUMN bi.daily_backlog.open IS 'Conversations with status open';
COMMENT ON COLUMN bi.daily_backlog.pending IS 'With status pending';
COMMENT ON COLUMN bi.daily_backlog.snoozed IS 'With status snoozed';
COMMENT ON COLUMN bi.daily_backlog.backlog IS 'All that were not resolved';
