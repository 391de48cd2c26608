-- Writes what changed conversations: their openings, told by openings_of.sql, what two states that runs saw differ in, and
-- the first hand-off by a bot, which the vendor writes down itself, instead of that which the runs saw.
-- When a state changed is known as the runs saw it: not before the last run that saw the one before.
CREATE FUNCTION helpdesk.write_events(account bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    DELETE FROM helpdesk.conversation_events AS old WHERE old.account_id = account AND old.conversation_id = ANY(ids);
    INSERT INTO helpdesk.conversation_events (
        account_id, conversation_id, number, at, kind, source, opening, agent_id, bot_type, bot_id, team_id, priority,
        message_id, not_before, not_after
    )
    WITH changes AS (
        SELECT state.*, lag(state) OVER (PARTITION BY state.conversation_id ORDER BY state.valid_from) AS before
        FROM helpdesk.conversation_states AS state
        WHERE state.account_id = account AND state.conversation_id = ANY(ids)
    ), handed_off AS (
        SELECT DISTINCT ON (event.conversation_id)
            event.conversation_id, least(event.event_end_time, event.created_at, event.first_synced_at) AS at, event.user_id
        FROM helpdesk.reporting_events AS event
        JOIN helpdesk.conversations AS conversation ON conversation.account_id = account AND conversation.id = event.conversation_id
        WHERE event.account_id = account AND event.conversation_id = ANY(ids) AND event.event_end_time IS NOT NULL
          AND event.name = 'conversation_bot_handoff'
          -- Nothing happened to a conversation before it began.
          AND coalesce(least(event.event_end_time, event.created_at, event.first_synced_at)
              >= least(conversation.created_at, conversation.first_synced_at), true)
        ORDER BY event.conversation_id, least(event.event_end_time, event.created_at, event.first_synced_at), event.id
    ), seen AS (
        SELECT changes.*, change.kind, coalesce(last.started_at, (changes.before).valid_from) AS not_before
        FROM changes
        CROSS JOIN LATERAL (VALUES
            ('assigned', (changes.assignee_id, changes.assignee_bot_type, changes.assignee_bot_id) IS DISTINCT FROM
                ((changes.before).assignee_id, (changes.before).assignee_bot_type, (changes.before).assignee_bot_id)),
            ('team', changes.team_id IS DISTINCT FROM (changes.before).team_id),
            ('priority', changes.priority IS DISTINCT FROM (changes.before).priority),
            ('snoozed', changes.status = 'snoozed' AND (changes.before).status IS DISTINCT FROM 'snoozed'),
            ('pending', changes.status = 'pending' AND (changes.before).status IS DISTINCT FROM 'pending'),
            ('resumed', changes.status = 'open' AND (changes.before).status IN ('snoozed', 'pending')),
            -- By a bot, to people: it no longer owns the conversation, or no longer keeps it back.
            ('handed_off', changes.status <> 'resolved' AND changes.assignee_bot_id IS NULL AND (
                (changes.before).assignee_bot_id IS NOT NULL
                OR (changes.before).status = 'pending' AND changes.status = 'open'))
        ) AS change (kind, is_so)
        LEFT JOIN LATERAL (
            SELECT run.started_at FROM helpdesk.whole_runs AS run
            WHERE run.account_id = account AND run.has_seen_all AND run.has_seen_silent_moves
              AND NOT run.unseen ? changes.conversation_id::text
              AND run.started_at >= (changes.before).valid_from
              AND run.finished_at < changes.valid_from AND run.started_at < changes.valid_from
            ORDER BY run.started_at DESC LIMIT 1
        ) AS last ON true
        WHERE (changes.before).valid_from IS NOT NULL AND change.is_so AND NOT (
            change.kind = 'handed_off' AND EXISTS (
                SELECT FROM handed_off WHERE handed_off.conversation_id = changes.conversation_id
                  AND handed_off.at BETWEEN coalesce(last.started_at, (changes.before).valid_from) AND changes.valid_from
            )
        )
    ), events AS (
        SELECT
            conversation_id, opened_at AS at, CASE opening WHEN 1 THEN 'opened' ELSE 'reopened' END AS kind, opened_by AS source,
            opening, NULL::bigint AS agent_id, NULL AS bot_type, NULL::bigint AS bot_id, NULL::bigint AS team_id, NULL AS priority,
            opened_message_id AS message_id, opened_not_before AS not_before, opened_not_after AS not_after, 1 AS place
        FROM helpdesk.conversation_openings
        WHERE account_id = account AND conversation_id = ANY(ids)
        UNION ALL
        SELECT
            conversation_id, resolved_at, 'resolved',
            CASE WHEN resolved_by <> 'seen' THEN resolved_by WHEN resolved_at_is = 'told' THEN 'activity'
                WHEN resolved_message_id IS NOT NULL THEN 'message' ELSE 'seen' END,
            opening, agent_id, bot_type, bot_id, team_id, NULL, resolved_message_id, resolved_not_before, resolved_not_after, 2
        FROM helpdesk.conversation_openings
        WHERE account_id = account AND conversation_id = ANY(ids) AND resolved_at IS NOT NULL
        UNION ALL
        SELECT
            conversation_id, valid_from, kind, 'seen', NULL, assignee_id, assignee_bot_type, assignee_bot_id, team_id,
            CASE kind WHEN 'priority' THEN priority END, NULL, not_before, valid_from, 3
        FROM seen
        UNION ALL
        SELECT conversation_id, at, 'handed_off', 'vendor', NULL, user_id, NULL, NULL, NULL, NULL, NULL, at, at, 3
        FROM handed_off
    )
    SELECT
        account, conversation_id, row_number() OVER (PARTITION BY conversation_id ORDER BY at NULLS FIRST, opening, place, kind),
        at, kind, source, opening, agent_id, bot_type, bot_id, team_id, priority, message_id, not_before, not_after
    FROM events;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_events(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_events(bigint, bigint[]) IS 'Writes what changed conversations anew';
