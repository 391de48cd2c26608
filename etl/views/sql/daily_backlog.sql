-- What was open at the end of each day, by the timeline. No day is looked at: each span of a conversation, in which it was
-- open with one owner, team and status, comes on the day with whose end it is counted first, and goes when it is counted no
-- more. Running sums of these are the days' figures. So it costs what there is, whatever the number of days.
-- A time belongs to the end of its own day. One that counts for the moment itself, as a state's beginning does, begins a
-- microsecond earlier: at midnight that is the day before.
CREATE VIEW bi.daily_backlog AS
WITH known AS (
    SELECT account_id, min(day) AS first_day, max(day) + 1 AS last_day
    FROM bi.known_days WHERE is_known GROUP BY account_id
), states AS (
    -- Before a run first saw a conversation, and where none saw it, it was as it was seen next.
    SELECT
        state.account_id, state.conversation_id, state.status, state.team_id,
        state.assignee_id AS agent_id, state.assignee_bot_type AS bot_type, state.assignee_bot_id AS bot_id,
        coalesce(lag(state.valid_to) OVER (PARTITION BY state.account_id, state.conversation_id ORDER BY state.valid_from), '-infinity')
            AS since,
        CASE WHEN lead(state.valid_from) OVER (PARTITION BY state.account_id, state.conversation_id ORDER BY state.valid_from) IS NULL
            THEN 'infinity' ELSE coalesce(state.valid_to, 'infinity') END AS until
    FROM helpdesk.conversation_states AS state
), openings AS (
    -- One of which no time is told when it began was open before all.
    SELECT
        opening.account_id, opening.conversation_id,
        coalesce(opening.opened_at, '-infinity') AS since,
        coalesce(least(opening.resolved_at, conversation.deleted_at), 'infinity') AS until,
        account.time_zone, conversation.inbox_id, conversation.status, conversation.team_id,
        conversation.assignee_id, conversation.assignee_bot_type, conversation.assignee_bot_id
    FROM helpdesk.conversation_openings AS opening
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = opening.account_id AND conversation.id = opening.conversation_id
    JOIN helpdesk.accounts AS account ON account.account_id = opening.account_id
), spans AS (
    SELECT
        known.account_id, opening.inbox_id, seen.status, seen.team_id, seen.agent_id, seen.bot_type, seen.bot_id,
        greatest(span.since, known.first_day) AS since, least(span.until, known.last_day) AS until
    FROM openings AS opening
    JOIN known ON known.account_id = opening.account_id
    LEFT JOIN states AS state
      ON state.account_id = opening.account_id AND state.conversation_id = opening.conversation_id
     AND state.since < opening.until AND state.until > opening.since
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN state.since > opening.since THEN (state.since - interval '1 microsecond') AT TIME ZONE opening.time_zone
                ELSE opening.since AT TIME ZONE opening.time_zone END::date AS since,
            CASE WHEN state.until < opening.until THEN (state.until - interval '1 microsecond') AT TIME ZONE opening.time_zone
                ELSE opening.until AT TIME ZONE opening.time_zone END::date AS until
    ) AS span
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN state.account_id IS NULL THEN opening.status ELSE state.status END AS status,
            CASE WHEN state.account_id IS NULL THEN opening.team_id ELSE state.team_id END AS team_id,
            CASE WHEN state.account_id IS NULL THEN opening.assignee_id ELSE state.agent_id END AS agent_id,
            CASE WHEN state.account_id IS NULL THEN opening.assignee_bot_type ELSE state.bot_type END AS bot_type,
            CASE WHEN state.account_id IS NULL THEN opening.assignee_bot_id ELSE state.bot_id END AS bot_id
    ) AS seen
    WHERE greatest(span.since, known.first_day) < least(span.until, known.last_day)
), changes AS (
    SELECT
        span.account_id, span.inbox_id, span.team_id, span.agent_id, span.bot_type, span.bot_id, change.day,
        -- A run saw it resolved, and it has been reopened since.
        change.by * (span.status IN ('open', 'resolved'))::int AS open,
        change.by * (span.status = 'pending')::int AS pending,
        change.by * (span.status = 'snoozed')::int AS snoozed,
        change.by AS backlog
    FROM spans AS span
    CROSS JOIN LATERAL (VALUES (span.since, 1), (span.until, -1)) AS change (day, by)
    UNION ALL
    -- Each inbox has a row a day, and be it of nothing.
    SELECT known.account_id, inbox.inbox_id, NULL, NULL, NULL, NULL, change.day, 0, 0, 0, 0
    FROM known
    JOIN (SELECT DISTINCT account_id, inbox_id FROM helpdesk.conversations) AS inbox ON inbox.account_id = known.account_id
    CROSS JOIN LATERAL (VALUES (known.first_day), (known.last_day)) AS change (day)
), summed AS (
    SELECT
        account_id, inbox_id, team_id, agent_id, bot_type, bot_id, day,
        sum(open) AS open, sum(pending) AS pending, sum(snoozed) AS snoozed, sum(backlog) AS backlog
    FROM changes
    GROUP BY account_id, inbox_id, team_id, agent_id, bot_type, bot_id, day
), held AS (
    SELECT
        account_id, inbox_id, team_id, agent_id, bot_type, bot_id, day AS since,
        lead(day) OVER so_far AS until,
        (sum(open) OVER so_far)::bigint AS open,
        (sum(pending) OVER so_far)::bigint AS pending,
        (sum(snoozed) OVER so_far)::bigint AS snoozed,
        (sum(backlog) OVER so_far)::bigint AS backlog
    FROM summed
    WINDOW so_far AS (PARTITION BY account_id, inbox_id, team_id, agent_id, bot_type, bot_id ORDER BY day)
)
SELECT
    held.account_id,
    day.day,
    held.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    held.team_id,
    team.name AS team,
    held.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN held.bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN held.agent_id IS NOT NULL THEN 'agent' WHEN held.bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    held.open,
    held.pending,
    held.snoozed,
    held.backlog
FROM held
CROSS JOIN LATERAL (SELECT held.since + one AS day FROM generate_series(0, held.until - held.since - 1) AS one) AS day
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = held.account_id AND agent.id = held.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = held.account_id AND bot.type = held.bot_type AND bot.id = held.bot_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = held.account_id AND inbox.id = held.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = held.account_id AND team.id = held.team_id
WHERE held.backlog > 0 OR coalesce(held.team_id, held.agent_id, held.bot_id) IS NULL;

COMMENT ON VIEW bi.daily_backlog IS 'What was not resolved at the end of each day that is known (bi.known_days): a row a day, inbox, team and owner; of nobody and no team also where it is nothing';
COMMENT ON COLUMN bi.daily_backlog.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_backlog.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.daily_backlog.inbox_id IS 'Number of the inbox that the conversations are in now';
COMMENT ON COLUMN bi.daily_backlog.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.daily_backlog.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.daily_backlog.team_id IS 'Number of the team that had them, as a run saw it then, or next';
COMMENT ON COLUMN bi.daily_backlog.team IS 'Name of the team';
COMMENT ON COLUMN bi.daily_backlog.agent_id IS 'Number of the agent to whom they were assigned, likewise; NULL: to nobody, or to a bot';
COMMENT ON COLUMN bi.daily_backlog.agent IS 'Name of that agent';
COMMENT ON COLUMN bi.daily_backlog.owner IS 'Name of the agent or bot to whom they were assigned';
COMMENT ON COLUMN bi.daily_backlog.owner_kind IS 'agent or bot; NULL: they were assigned to nobody, or it is not known';
COMMENT ON COLUMN bi.daily_backlog.open IS 'Conversations with status open, and those reopened that a run had yet to see so';
COMMENT ON COLUMN bi.daily_backlog.pending IS 'With status pending';
COMMENT ON COLUMN bi.daily_backlog.snoozed IS 'With status snoozed';
COMMENT ON COLUMN bi.daily_backlog.backlog IS 'All that were not resolved, those of a status that is new to us included';
