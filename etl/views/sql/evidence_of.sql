-- What tells of the openings of conversations: their messages, what the runs saw, and the vendor's own events. See
-- openings_of.sql. Columns: kind (question, reply, other, activity; open, resolved; vendor opened, vendor resolved, vendor;
-- unread, from when on the vendor's events were not read yet; began); at, when, and of what a run saw the moment at which it
-- had; since, from when on it may have seen it; begun, of what a run saw when that run began; id of the message; is_muted,
-- whether the contact was when writing; and who owned it, as the run saw it, or on whom the vendor books it.
CREATE FUNCTION helpdesk.evidence_of(account bigint, ids bigint[]) RETURNS TABLE (
    conversation_id bigint, began_at timestamptz, at timestamptz, is_seen boolean, id bigint, kind text,
    since timestamptz, begun timestamptz, is_muted boolean, agent_id bigint, bot_type text, bot_id bigint, team_id bigint
) LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH wanted AS (
        SELECT
            conversation.id AS conversation_id, conversation.deleted_at, conversation.events_read_at,
            coalesce(conversation.muted, false) OR conversation.id IN (
                SELECT state.conversation_id FROM helpdesk.conversation_states AS state
                WHERE state.account_id = account AND state.conversation_id = ANY(ids) AND state.muted
            ) AS was_muted,
            least(conversation.created_at, conversation.first_synced_at) AS began_at
        FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = account AND conversation.id = ANY(ids)
    ), states AS (
        SELECT
            state.conversation_id, state.valid_from, state.valid_to,
            state.assignee_id, state.assignee_bot_type, state.assignee_bot_id, state.team_id,
            CASE WHEN state.status = 'resolved' THEN 'resolved' ELSE 'open' END AS status
        FROM helpdesk.conversation_states AS state
        -- Where the vendor told no status, a run saw neither.
        WHERE state.account_id = account AND state.conversation_id = ANY(ids) AND state.status IS NOT NULL
    ), written AS (
        SELECT
            message.conversation_id, message.id, message.created_at AS at,
            CASE
                WHEN message.message_type = 'activity' THEN 'activity'
                WHEN message.is_question THEN 'question'
                WHEN message.is_spoken THEN 'reply'  -- or nobody tells
                ELSE 'other'
            END AS kind
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = account AND message.conversation_id = ANY(ids)
          AND (message.message_type = 'activity' OR message.private IS DISTINCT FROM true)
    ), vendors AS (
        -- What the vendor wrote down for its reports; where a clock was ahead, when it did that, or was first seen.
        SELECT
            event.conversation_id,
            least(event.event_end_time, event.created_at, event.first_synced_at) AS at,
            CASE
                WHEN event.name IN ('conversation_resolved', 'conversation_bot_resolved') THEN 'vendor resolved'
                WHEN event.name = 'conversation_opened' THEN 'vendor opened'
                ELSE 'vendor'
            END AS kind,
            event.user_id
        FROM helpdesk.reporting_events AS event
        JOIN wanted ON wanted.conversation_id = event.conversation_id
        WHERE event.account_id = account AND event.conversation_id = ANY(ids) AND event.event_end_time IS NOT NULL
          -- Nothing happened to a conversation before it began.
          AND coalesce(least(event.event_end_time, event.created_at, event.first_synced_at) >= wanted.began_at, true)
        -- It writes some of them twice.
        GROUP BY 1, 2, 3, 4
    ), turned AS (
        -- What may have changed what a run saw.
        SELECT written.conversation_id, written.at FROM written WHERE written.kind IN ('question', 'activity')
        UNION
        SELECT vendors.conversation_id, vendors.at FROM vendors WHERE vendors.kind <> 'vendor'
    ), seen AS (
        -- The beginning of a state, which the run that was going on then saw after it began.
        SELECT
            state.conversation_id, state.valid_from AS at, state.status AS kind,
            CASE WHEN state.status = 'open' THEN state.valid_from ELSE going_on.begun END AS since, state.valid_from, going_on.begun
        FROM states AS state
        CROSS JOIN LATERAL (
            SELECT coalesce(max(run.started_at), state.valid_from) AS begun FROM helpdesk.sync_runs AS run
            WHERE run.account_id = account AND run.started_at <= state.valid_from
              AND (run.finished_at IS NULL OR run.finished_at >= state.valid_from)
        ) AS going_on
        UNION
        -- The last run that saw a state before one saw another.
        SELECT state.conversation_id, run.finished_at, state.status, run.started_at, state.valid_from, run.started_at
        FROM states AS state
        CROSS JOIN LATERAL (
            SELECT run.started_at, run.finished_at FROM helpdesk.whole_runs AS run
            WHERE run.account_id = account AND run.has_seen_all AND run.has_seen_silent_moves
              AND NOT run.unseen ? state.conversation_id::text
              AND run.started_at >= state.valid_from AND run.finished_at < state.valid_to
              AND run.started_at < state.valid_to  -- follows, and is found by the index
            ORDER BY run.started_at DESC LIMIT 1
        ) AS run
        WHERE state.valid_to IS NOT NULL
        UNION
        -- The first run that saw it, still as it was, after what may have changed that. A state that began after the message
        -- may have been seen before it: a run reads a history after the page.
        SELECT turned.conversation_id, run.finished_at, state.status, run.started_at, state.valid_from, run.started_at
        FROM turned
        CROSS JOIN LATERAL (
            SELECT run.started_at, run.finished_at FROM helpdesk.whole_runs AS run
            WHERE run.account_id = account AND run.has_seen_all AND run.started_at >= turned.at
              AND NOT run.unseen ? turned.conversation_id::text
            ORDER BY run.started_at LIMIT 1
        ) AS run
        JOIN wanted ON wanted.conversation_id = turned.conversation_id
        JOIN states AS state
          ON state.conversation_id = turned.conversation_id AND state.valid_from <= run.started_at
         AND (state.valid_to IS NULL OR state.valid_to > run.finished_at)
        -- A run that finds it gone sees it neither open nor resolved.
        WHERE (wanted.deleted_at IS NULL OR wanted.deleted_at > run.finished_at)
    )
    -- What was written in it before its record was made, as in an import, was written after it began.
    SELECT
        wanted.conversation_id,
        CASE WHEN wanted.began_at IS NOT NULL THEN least(wanted.began_at, first.at) END,
        NULL::timestamptz, false, NULL::bigint, 'began', NULL::timestamptz, NULL::timestamptz, false,
        NULL::bigint, NULL::text, NULL::bigint, NULL::bigint
    FROM wanted
    LEFT JOIN (SELECT written.conversation_id, min(written.at) AS at FROM written GROUP BY written.conversation_id) AS first
      ON first.conversation_id = wanted.conversation_id
    UNION ALL
    SELECT
        written.conversation_id, wanted.began_at, written.at, false, written.id, written.kind, written.at, NULL,
        CASE WHEN wanted.was_muted AND written.kind = 'question'
            THEN helpdesk.is_muted(account, written.conversation_id, written.at) ELSE false END,
        NULL, NULL, NULL, NULL
    FROM written
    JOIN wanted ON wanted.conversation_id = written.conversation_id
    UNION ALL
    SELECT vendors.conversation_id, NULL, vendors.at, false, NULL, vendors.kind, vendors.at, NULL, false, vendors.user_id, NULL, NULL, NULL
    FROM vendors
    UNION ALL
    -- From its first event on, and in the same second before it, as messages have no more exact time.
    SELECT
        vendors.conversation_id, NULL, date_trunc('second', min(vendors.at), 'UTC'), false, 0, 'vendor', NULL, NULL, false,
        NULL, NULL, NULL, NULL
    FROM vendors
    GROUP BY vendors.conversation_id
    UNION ALL
    -- An event is written down by a job in the background: what is missing of the last minutes may only be late.
    SELECT
        wanted.conversation_id, NULL, wanted.events_read_at - interval '10 minutes', false, NULL, 'unread', NULL, NULL, false,
        NULL, NULL, NULL, NULL
    FROM wanted
    WHERE wanted.events_read_at IS NOT NULL
    UNION ALL
    SELECT seen.conversation_id, wanted.began_at, seen.at, true, NULL::bigint, seen.kind, seen.since, seen.begun, false,
        state.assignee_id, state.assignee_bot_type, state.assignee_bot_id, state.team_id
    FROM seen
    JOIN wanted ON wanted.conversation_id = seen.conversation_id
    JOIN states AS state ON state.conversation_id = seen.conversation_id AND state.valid_from = seen.valid_from;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.evidence_of(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.evidence_of(bigint, bigint[]) IS 'What tells of the openings of conversations: messages, what the runs saw, and the vendor''s own events';
