-- What was open in the last moment of each day, by the timeline (open_spans), day by day, so that a month is found by an
-- index. Stock and flow agree: what happens at midnight is of the next day, here as in bi.daily_volume.
CREATE VIEW bi.daily_backlog AS
WITH counted AS (
    SELECT day.account_id, day.day, held.*
    FROM bi.known_days AS day
    JOIN helpdesk.accounts AS account ON account.account_id = day.account_id
    CROSS JOIN LATERAL (
        SELECT
            span.inbox_id, span.team_id, span.agent_id, span.bot_type, span.bot_id,
            -- A run saw it resolved, and it has been reopened since.
            count(*) FILTER (WHERE span.status IN ('open', 'resolved')) AS open,
            count(*) FILTER (WHERE span.status = 'pending') AS pending,
            count(*) FILTER (WHERE span.status = 'snoozed') AS snoozed,
            count(*) AS backlog
        FROM helpdesk.open_spans AS span
        WHERE span.account_id = day.account_id
          AND tstzrange(span.since, span.until) @> ((day.day + 1)::timestamp AT TIME ZONE account.time_zone - interval '1 microsecond')
        GROUP BY 1, 2, 3, 4, 5
    ) AS held
    WHERE day.is_known
    UNION ALL
    -- Each inbox has a row a day, and be it of nothing.
    SELECT day.account_id, day.day, inbox.id, NULL, NULL, NULL, NULL, 0, 0, 0, 0
    FROM bi.known_days AS day
    JOIN (
        SELECT inbox.account_id, inbox.id FROM helpdesk.inboxes AS inbox
        WHERE EXISTS (
            SELECT FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = inbox.account_id AND conversation.inbox_id = inbox.id
        )
        UNION ALL
        SELECT account.account_id, NULL FROM helpdesk.accounts AS account
        WHERE EXISTS (
            SELECT FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = account.account_id AND conversation.inbox_id IS NULL
        )
    ) AS inbox ON inbox.account_id = day.account_id
    WHERE day.is_known
), summed AS (
    SELECT
        account_id, day, inbox_id, team_id, agent_id, bot_type, bot_id,
        sum(open)::bigint AS open, sum(pending)::bigint AS pending,
        sum(snoozed)::bigint AS snoozed, sum(backlog)::bigint AS backlog,
        sum(sum(backlog)) OVER (PARTITION BY account_id, day, inbox_id) AS of_inbox
    FROM counted
    GROUP BY account_id, day, inbox_id, team_id, agent_id, bot_type, bot_id
)
SELECT
    held.account_id,
    held.day,
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
FROM summed AS held
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = held.account_id AND agent.id = held.agent_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = held.account_id AND bot.type = held.bot_type AND bot.id = held.bot_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = held.account_id AND inbox.id = held.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = held.account_id AND team.id = held.team_id
-- That nobody has any is worth a row only where nobody else has.
WHERE held.backlog > 0 OR held.of_inbox = 0;

COMMENT ON VIEW bi.daily_backlog IS 'What was not resolved at the end of each day that is known (bi.known_days): a row a day, inbox, team and owner, and one of an inbox of which nothing was open';
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
COMMENT ON COLUMN bi.daily_backlog.pending IS 'Conversations with status pending';
COMMENT ON COLUMN bi.daily_backlog.snoozed IS 'Conversations with status snoozed';
COMMENT ON COLUMN bi.daily_backlog.backlog IS 'Conversations that were not resolved, those of a status that is new to us included';
