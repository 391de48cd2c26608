-- Writes from when to when conversations were open with one status, team and owner: their openings, and what runs saw. Before
-- a run first saw a conversation, and where none saw it, it was as it was seen next; one that none saw is as its record says.
-- Found gone, it is open no more.
CREATE FUNCTION helpdesk.write_spans(account bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    DELETE FROM helpdesk.open_spans AS old WHERE old.account_id = account AND old.conversation_id = ANY(ids);
    INSERT INTO helpdesk.open_spans (
        account_id, conversation_id, number, since, until, inbox_id, status, team_id, agent_id, bot_type, bot_id
    )
    WITH held AS (
        SELECT
            state.conversation_id, state.status, state.team_id, state.assignee_id, state.assignee_bot_type, state.assignee_bot_id,
            lag(state.valid_to) OVER in_time AS since,
            CASE WHEN lead(state.valid_from) OVER in_time IS NOT NULL THEN state.valid_to END AS until
        FROM helpdesk.conversation_states AS state
        WHERE state.account_id = account AND state.conversation_id = ANY(ids)
        WINDOW in_time AS (PARTITION BY state.conversation_id ORDER BY state.valid_from)
        UNION ALL
        SELECT
            conversation.id, conversation.status, conversation.team_id,
            conversation.assignee_id, conversation.assignee_bot_type, conversation.assignee_bot_id, NULL, NULL
        FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = account AND conversation.id = ANY(ids) AND NOT EXISTS (
            SELECT FROM helpdesk.conversation_states AS state
            WHERE state.account_id = account AND state.conversation_id = conversation.id
        )
    )
    SELECT
        account, opening.conversation_id,
        row_number() OVER (PARTITION BY opening.conversation_id ORDER BY opening.opening, span.since NULLS FIRST),
        span.since, span.until, conversation.inbox_id,
        held.status, held.team_id, held.assignee_id, held.assignee_bot_type, held.assignee_bot_id
    FROM helpdesk.conversation_openings AS opening
    JOIN helpdesk.conversations AS conversation ON conversation.account_id = account AND conversation.id = ANY(ids)
     AND conversation.id = opening.conversation_id
    JOIN held ON held.conversation_id = opening.conversation_id
    CROSS JOIN LATERAL (
        SELECT
            greatest(opening.opened_at, held.since) AS since,
            least(opening.resolved_at, conversation.deleted_at, held.until) AS until
    ) AS span
    WHERE opening.account_id = account AND opening.conversation_id = ANY(ids)
      AND coalesce(span.since < span.until, true);
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_spans(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_spans(bigint, bigint[]) IS 'Writes from when to when conversations were open, and how, anew';
