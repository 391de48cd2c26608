-- A conversation is opened when it begins, and again each time it comes back after it was resolved.
-- The API tells no history of a status: the runs saw it change (conversation_states), and when it really did is told by
-- the activity that the vendor writes into the conversation at that moment. Its text is in the agent's language, so only
-- its time is used: the last activity before a run saw the conversation resolved, the first message after that.
-- Bots may resolve without an activity. So one from before a run had seen the conversation open is not the one, nor one
-- before the contact's last message, which would have reopened it; but if it came back later, that message may have done
-- so while the run was reading.
CREATE MATERIALIZED VIEW helpdesk.conversation_openings AS
WITH seen AS (
    SELECT
        account_id, conversation_id, valid_from, status, assignee_id, assignee_bot_type, assignee_bot_id, team_id,
        lag(status) OVER states AS before,
        lag(valid_from) OVER states AS seen_before
    FROM helpdesk.conversation_states
    WINDOW states AS (PARTITION BY account_id, conversation_id ORDER BY valid_from)
), turns AS (
    SELECT
        account_id, conversation_id, valid_from AS seen_at, seen_before, status, assignee_id, assignee_bot_type, assignee_bot_id, team_id,
        lead(valid_from) OVER later AS reopening_seen_at,
        sum((status = 'resolved')::int) OVER later AS opening
    FROM seen
    WHERE (status = 'resolved') IS DISTINCT FROM (before = 'resolved') AND (status = 'resolved' OR before IS NOT NULL)
    WINDOW later AS (PARTITION BY account_id, conversation_id ORDER BY valid_from)
), dated AS (
    SELECT
        turns.*,
        CASE
            WHEN told.active_at >= coalesce(open.at, '-infinity') THEN told.active_at
            ELSE greatest(open.at, least(conversation.last_activity_at, turns.seen_at))
        END AS resolved_at
    FROM turns
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = turns.account_id AND conversation.id = turns.conversation_id
    LEFT JOIN LATERAL (
        SELECT
            max(message.created_at) FILTER (WHERE message.message_type = 'incoming') AS asked_at,
            max(message.created_at) FILTER (WHERE message.message_type = 'activity') AS active_at
        FROM helpdesk.messages AS message
        WHERE turns.status = 'resolved'
          AND message.account_id = turns.account_id AND message.conversation_id = turns.conversation_id
          AND message.created_at <= turns.seen_at AND message.removed_at IS NULL
    ) AS told ON true
    CROSS JOIN LATERAL (
        SELECT greatest(turns.seen_before, CASE WHEN turns.reopening_seen_at IS NULL THEN told.asked_at END) AS at
    ) AS open
), resolutions AS (
    SELECT dated.*, coalesce(back.asked_at, back.active_at, dated.reopening_seen_at) AS reopened_at
    FROM dated
    LEFT JOIN LATERAL (
        SELECT
            min(message.created_at) FILTER (WHERE message.message_type = 'incoming') AS asked_at,
            min(message.created_at) FILTER (WHERE message.message_type = 'activity') AS active_at
        FROM helpdesk.messages AS message
        WHERE dated.reopening_seen_at IS NOT NULL
          AND message.account_id = dated.account_id AND message.conversation_id = dated.conversation_id
          AND message.created_at > dated.resolved_at AND message.created_at <= dated.reopening_seen_at
          AND message.removed_at IS NULL
    ) AS back ON true
    WHERE dated.status = 'resolved'
), begun AS (
    SELECT account_id, id AS conversation_id, 1 AS opening, created_at AS opened_at FROM helpdesk.conversations
    UNION ALL
    SELECT account_id, conversation_id, opening + 1, reopened_at FROM resolutions WHERE reopening_seen_at IS NOT NULL
)
SELECT
    begun.account_id,
    begun.conversation_id,
    begun.opening::int AS opening,
    begun.opened_at,
    ended.at AS resolved_at,
    extract(epoch FROM ended.at - begun.opened_at)::bigint AS resolution_seconds,
    helpdesk.business_seconds(begun.opened_at, first, ended.at, last) AS resolution_business_seconds,
    resolutions.assignee_id AS agent_id,
    resolutions.assignee_bot_type AS bot_type,
    resolutions.assignee_bot_id AS bot_id,
    resolutions.team_id,
    begun.opening = max(begun.opening) OVER (PARTITION BY begun.account_id, begun.conversation_id) AS is_current
FROM begun
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = begun.account_id AND conversation.id = begun.conversation_id
LEFT JOIN resolutions
  ON resolutions.account_id = begun.account_id AND resolutions.conversation_id = begun.conversation_id
 AND resolutions.opening = begun.opening
CROSS JOIN LATERAL (
    -- An activity from before this opening is not the one that ended it. The vendor's clock may be ahead of the runs'.
    SELECT CASE
        WHEN resolutions.resolved_at < begun.opened_at THEN greatest(resolutions.seen_at, begun.opened_at)
        ELSE resolutions.resolved_at
    END AS at
) AS ended
LEFT JOIN helpdesk.business_hours AS hours
  ON hours.account_id = conversation.account_id AND hours.inbox_id = conversation.inbox_id
LEFT JOIN helpdesk.business_days AS first
  ON first.inbox_day = concat_ws(' ', hours.account_id, hours.inbox_id, (begun.opened_at AT TIME ZONE hours.time_zone)::date)
LEFT JOIN helpdesk.business_days AS last
  ON last.inbox_day = concat_ws(' ', hours.account_id, hours.inbox_id, (ended.at AT TIME ZONE hours.time_zone)::date);

CREATE UNIQUE INDEX conversation_openings_key ON helpdesk.conversation_openings (account_id, conversation_id, opening);
CREATE INDEX conversation_openings_resolved ON helpdesk.conversation_openings (account_id, resolved_at);

COMMENT ON MATERIALIZED VIEW helpdesk.conversation_openings IS 'From when to when a conversation was open, each time; refreshed by the runs';
COMMENT ON COLUMN helpdesk.conversation_openings.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.conversation_openings.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.conversation_openings.opening IS '1 when it began, 2 when it was reopened for the first time ...';
COMMENT ON COLUMN helpdesk.conversation_openings.opened_at IS 'When it began, or came back (UTC)';
COMMENT ON COLUMN helpdesk.conversation_openings.resolved_at IS 'When it was resolved (UTC); NULL: not yet';
COMMENT ON COLUMN helpdesk.conversation_openings.resolution_seconds IS 'Seconds between the two';
COMMENT ON COLUMN helpdesk.conversation_openings.resolution_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN helpdesk.conversation_openings.agent_id IS 'The agent to whom it was assigned when it was resolved';
COMMENT ON COLUMN helpdesk.conversation_openings.bot_type IS 'Type of the bot to which it was assigned then; NULL: to none';
COMMENT ON COLUMN helpdesk.conversation_openings.bot_id IS 'The bot to which it was assigned then; NULL: to none';
COMMENT ON COLUMN helpdesk.conversation_openings.team_id IS 'To which team it was assigned when it was resolved';
COMMENT ON COLUMN helpdesk.conversation_openings.is_current IS 'Whether it is the last one so far';
