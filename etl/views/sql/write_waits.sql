-- Writes the waits of conversations, from their messages and openings. A contact waits from the first message that nobody
-- has answered yet until a person replies, or the conversation is resolved. Where a message lies in between of which nobody
-- tells whether a person wrote it, the wait is not known: it was neither answered then nor not.
CREATE FUNCTION helpdesk.write_waits(account bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    DELETE FROM helpdesk.customer_waits AS old WHERE old.account_id = account AND old.conversation_id = ANY(ids);
    INSERT INTO helpdesk.customer_waits (
        account_id, conversation_id, question_message_id, opening, is_first, is_known, waiting_since, ended_at,
        answer_message_id, answered_at, agent_id, reply_seconds, reply_business_seconds, reply_seconds_from_assignment,
        is_resolved_unanswered
    )
    WITH told AS (
        SELECT
            message.conversation_id, message.created_at AS at, message.id, 1 AS place,
            coalesce(message.agent_id, answer.user_id) AS agent_id,
            CASE
                WHEN message.is_question THEN 'question'
                WHEN message.is_human_reply OR answer.is_told THEN 'reply'
                ELSE 'unknown'
            END AS kind
        FROM helpdesk.message_kinds AS message
        -- Of a message whose author is not told any more, the vendor wrote down that a person answered with it. A first
        -- response is booked on who wrote it, the others on who was assigned.
        LEFT JOIN LATERAL (
            SELECT true AS is_told, max(event.user_id) FILTER (WHERE event.name = 'first_response') AS user_id
            FROM helpdesk.reporting_events AS event
            WHERE message.is_human_reply IS NULL AND event.account_id = account
              AND event.conversation_id = message.conversation_id AND event.name IN ('first_response', 'reply_time')
              AND date_trunc('second', event.event_end_time, 'UTC') = date_trunc('second', message.created_at, 'UTC')
            HAVING count(*) > 0
        ) AS answer ON true
        WHERE message.account_id = account AND message.conversation_id = ANY(ids)
          AND (message.is_question OR message.direction IS DISTINCT FROM 'in' AND message.is_human_reply IS DISTINCT FROM false)
        -- In one second a reopening comes before the message that tells it, and a resolution after it.
        UNION ALL
        SELECT opening.conversation_id, opening.opened_at, opening.opened_message_id, 0, NULL, 'reopened'
        FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = account AND opening.conversation_id = ANY(ids) AND opening.opening > 1
        UNION ALL
        SELECT opening.conversation_id, opening.resolved_at, opening.resolved_message_id, 2, NULL, 'resolved'
        FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = account AND opening.conversation_id = ANY(ids) AND opening.resolved_at IS NOT NULL
    ), counted AS (
        SELECT
            told.*,
            1 + count(*) FILTER (WHERE kind = 'reopened') OVER earlier AS opening,
            count(*) FILTER (WHERE kind = 'resolved') OVER earlier AS resolutions,
            count(*) FILTER (WHERE kind = 'unknown') OVER earlier AS unknowns
        FROM told
        WINDOW earlier AS (PARTITION BY conversation_id ORDER BY at, id NULLS LAST, place)
    ), ordered AS (
        -- What is asked while it is resolved, and does not reopen it, is no question: the contact is muted.
        SELECT counted.*, lag(kind) OVER earlier AS before
        FROM counted
        WHERE kind IN ('question', 'reply', 'resolved') AND (kind <> 'question' OR resolutions < opening)
        WINDOW earlier AS (PARTITION BY conversation_id ORDER BY at, id NULLS LAST, place)
    ), turns AS (
        SELECT
            ordered.*,
            lead(kind) OVER later AS ended_by,
            lead(at) OVER later AS ended_at,
            lead(id) OVER later AS answer_id,
            lead(agent_id) OVER later AS answered_by,
            lead(unknowns) OVER later AS unknowns_then
        FROM ordered
        WHERE (kind = 'question') IS DISTINCT FROM (before = 'question') AND (kind = 'question' OR before IS NOT NULL)
        WINDOW later AS (PARTITION BY conversation_id ORDER BY at, id NULLS LAST, place)
    ), unknown_since AS (
        SELECT conversation_id, max(unknowns) AS unknowns FROM counted GROUP BY conversation_id
    ), waits AS (
        SELECT
            turns.*,
            turns.unknowns = coalesce(turns.unknowns_then, unknown_since.unknowns) AS is_known,
            row_number() OVER (PARTITION BY turns.conversation_id, turns.opening ORDER BY turns.at, turns.id) = 1 AS is_first
        FROM turns
        JOIN unknown_since ON unknown_since.conversation_id = turns.conversation_id
        WHERE turns.kind = 'question'
    ), assignments AS (
        SELECT conversation_id, assignee_id, min(valid_from) AS since, nullif(max(coalesce(valid_to, 'infinity')), 'infinity') AS until
        FROM (
            SELECT states.*, sum(turned) OVER (PARTITION BY conversation_id ORDER BY valid_from) AS island
            FROM (
                SELECT
                    state.conversation_id, state.valid_from, state.valid_to, state.assignee_id,
                    (state.assignee_id IS DISTINCT FROM lag(state.assignee_id) OVER (
                        PARTITION BY state.conversation_id ORDER BY state.valid_from
                    ))::int AS turned
                FROM helpdesk.conversation_states AS state
                WHERE state.account_id = account AND state.conversation_id = ANY(ids)
            ) AS states
        ) AS islands
        WHERE assignee_id IS NOT NULL
        GROUP BY conversation_id, assignee_id, island
    )
    SELECT
        account, waits.conversation_id, waits.id, waits.opening, waits.is_first, waits.is_known, waits.at, waits.ended_at,
        answer.message_id, answer.at, answer.agent_id,
        extract(epoch FROM answer.at - waits.at)::bigint,
        helpdesk.business_seconds(waits.at, first, answer.at, last),
        -- Not known, it must not become the time since the question: greatest() passes over NULL.
        CASE WHEN assignment.since IS NOT NULL THEN extract(epoch FROM answer.at - greatest(waits.at, assignment.since))::bigint END,
        CASE WHEN waits.is_known THEN coalesce(waits.ended_by = 'resolved', false) END
    FROM waits
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN waits.is_known AND waits.ended_by = 'reply' THEN waits.ended_at END AS at,
            CASE WHEN waits.is_known AND waits.ended_by = 'reply' THEN waits.answer_id END AS message_id,
            CASE WHEN waits.is_known AND waits.ended_by = 'reply' THEN waits.answered_by END AS agent_id
    ) AS answer
    JOIN helpdesk.conversations AS conversation ON conversation.account_id = account AND conversation.id = ANY(ids)
     AND conversation.id = waits.conversation_id
    LEFT JOIN assignments AS assignment
      ON assignment.conversation_id = waits.conversation_id AND assignment.assignee_id = answer.agent_id
     AND assignment.since <= answer.at AND (assignment.until IS NULL OR assignment.until > answer.at)
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.account_id = account AND day.inbox_id = conversation.inbox_id AND day.starts_at <= waits.at
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.account_id = account AND day.inbox_id = conversation.inbox_id AND day.starts_at <= answer.at
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS last ON true;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_waits(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_waits(bigint, bigint[]) IS 'Writes the waits of conversations anew';
