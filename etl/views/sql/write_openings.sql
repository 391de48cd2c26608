-- Writes the openings of conversations, with their seconds, and who owned them when they were resolved: who was assigned
-- when a run saw it. One that no run saw resolved belongs to the agent who answered last in it, if a run saw it assigned
-- to this agent before or after; else to nobody, as nobody's work is booked on somebody else.
CREATE FUNCTION helpdesk.write_openings(account bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    DELETE FROM helpdesk.conversation_openings AS old WHERE old.account_id = account AND old.conversation_id = ANY(ids);
    INSERT INTO helpdesk.conversation_openings (
        account_id, conversation_id, opening, is_current,
        opened_at, opened_by, opened_message_id, opened_not_before, opened_not_after,
        resolved_at, resolved_at_is, resolved_by, resolved_message_id, resolved_not_before, resolved_not_after,
        resolution_seconds, resolution_business_seconds, agent_id, bot_type, bot_id, team_id
    )
    SELECT
        account, opening.conversation_id, opening.opening, opening.is_current,
        opening.opened_at, opening.opened_by, opening.opened_message_id, opening.opened_not_before, opening.opened_not_after,
        opening.resolved_at, opening.resolved_at_is, opening.resolved_by, opening.resolved_message_id,
        opening.resolved_not_before, opening.resolved_not_after,
        extract(epoch FROM known.until - opening.opened_at)::bigint,
        helpdesk.business_seconds(opening.opened_at, first, known.until, last),
        coalesce(opening.agent_id, owner.assignee_id), opening.bot_type, opening.bot_id, coalesce(opening.team_id, owner.team_id)
    FROM helpdesk.openings_of(account, ids) AS opening
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = account AND conversation.id = ANY(ids)
     AND conversation.id = opening.conversation_id
    CROSS JOIN LATERAL (
        SELECT CASE WHEN opening.resolved_at_is <> 'not known' THEN greatest(opening.resolved_at, opening.opened_at) END AS until
    ) AS known
    LEFT JOIN LATERAL (
        SELECT state.assignee_id, state.team_id
        FROM helpdesk.conversation_states AS state
        WHERE opening.resolved_by = 'inferred' AND state.account_id = account AND state.conversation_id = opening.conversation_id
          AND (state.valid_to IS NULL OR state.valid_to > opening.resolved_at)
          AND state.assignee_id = (
              SELECT message.agent_id FROM helpdesk.message_kinds AS message
              WHERE message.account_id = account AND message.conversation_id = opening.conversation_id
                AND message.is_human_reply IS DISTINCT FROM false
                AND message.created_at BETWEEN opening.opened_at AND opening.resolved_at
              ORDER BY message.created_at DESC, message.id DESC LIMIT 1
          ) AND NOT EXISTS (
              SELECT FROM helpdesk.conversation_states AS between_them
              WHERE between_them.account_id = account AND between_them.conversation_id = opening.conversation_id
                AND between_them.valid_from > opening.resolved_at AND between_them.valid_from < state.valid_from
          )
        ORDER BY state.valid_from LIMIT 1
    ) AS owner ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.account_id = account AND day.inbox_id = conversation.inbox_id AND day.starts_at <= opening.opened_at
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.account_id = account AND day.inbox_id = conversation.inbox_id AND day.starts_at <= known.until
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS last ON true;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_openings(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_openings(bigint, bigint[]) IS 'Writes the openings of conversations anew';
