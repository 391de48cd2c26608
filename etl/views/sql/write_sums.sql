-- Writes what is counted of conversations: all of it that does not depend on up to when is counted. Of those that go on, their
-- seconds are left to bi.conversation_metrics.
CREATE FUNCTION helpdesk.write_sums(account bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    DELETE FROM helpdesk.conversation_sums AS old WHERE old.account_id = account AND old.conversation_id = ANY(ids);
    INSERT INTO helpdesk.conversation_sums (
        account_id, conversation_id, goes_on, is_resolved, are_ends_known, current_since,
        questions, questions_answered, are_questions_known, is_first_response_known,
        first_response_seconds, first_response_business_seconds, waiting_since,
        replies, replies_without_agent, replies_not_known, agents_replied, last_message_at,
        agents_assigned, teams_involved, assignments, handovers,
        first_assignment_seconds_at_least, first_assignment_seconds_at_most, bot_handoffs,
        nobodys_seconds, perhaps_nobodys_seconds, unresolved_seconds,
        open_seconds, pending_seconds, snoozed_seconds, unseen_seconds, waiting_seconds,
        resolutions, reopenings, first_resolution_seconds, first_resolution_business_seconds,
        last_resolution_seconds, last_resolution_business_seconds, last_resolver,
        is_first_for_good, is_last_for_good, holds_from
    )
    WITH openings AS (
        SELECT
            opening.*,
            CASE
                WHEN opening.agent_id IS NOT NULL THEN 'agent'
                WHEN opening.bot_id IS NOT NULL THEN 'bot'
                WHEN opening.resolved_by = 'inferred' THEN 'not known'
                -- The vendor's event names people only: whether a bot owned it is known as a run saw it resolved.
                WHEN opening.resolved_by = 'vendor' AND NOT EXISTS (
                    SELECT FROM helpdesk.conversation_states AS state
                    WHERE state.account_id = account AND state.conversation_id = opening.conversation_id
                      AND state.status = 'resolved' AND coalesce(state.valid_to > opening.resolved_at, true)
                      AND coalesce(state.valid_from < following.opened_at, true)
                ) THEN 'not known'
                ELSE 'nobody'
            END AS resolver,
            -- Where the bounds of either lie on both sides of the seven days, it is not known. What has not come back yet
            -- has held for them as soon as they have passed, unless it was deleted before.
            CASE
                WHEN following.opened_not_after < resolved.earliest + interval '7 days' THEN false
                WHEN following.opened_not_before >= resolved.latest + interval '7 days' THEN true
            END AS is_for_good,
            CASE
                WHEN following.opening IS NULL AND coalesce(conversation.deleted_at >= resolved.latest + interval '7 days', true)
                    THEN resolved.latest + interval '7 days'
            END AS holds_from
        FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversations AS conversation ON conversation.account_id = account AND conversation.id = ANY(ids)
         AND conversation.id = opening.conversation_id
        LEFT JOIN helpdesk.conversation_openings AS following
          ON following.account_id = account AND following.conversation_id = ANY(ids)
         AND following.conversation_id = opening.conversation_id AND following.opening = opening.opening + 1
        CROSS JOIN LATERAL (
            SELECT
                CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_before END AS earliest,
                CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_after END AS latest
        ) AS resolved
        WHERE opening.account_id = account AND opening.conversation_id = ANY(ids)
    ), opened AS (
        SELECT
            opening.conversation_id,
            min(opening.opened_at) FILTER (WHERE opening.opening = 1) AS at,
            max(opening.opened_at) FILTER (WHERE opening.is_current) AS current_since,
            bool_or(opening.is_current AND opening.resolved_at IS NOT NULL) AS is_resolved,
            bool_or(opening.is_current AND opening.resolved_at IS NULL) AS is_open,
            bool_and(opening.resolved_at_is IS DISTINCT FROM 'not known') AS are_ends_known,
            count(opening.resolved_at) AS resolutions,
            count(*) FILTER (WHERE opening.opening > 1) AS reopenings,
            max(opening.resolution_seconds) FILTER (WHERE opening.opening = 1) AS first_seconds,
            max(opening.resolution_business_seconds) FILTER (WHERE opening.opening = 1) AS first_business_seconds,
            (array_agg(
                CASE WHEN opening.resolved_at_is <> 'not known' THEN greatest(opening.resolved_at, opening.opened_at) END
                ORDER BY opening.opening DESC
            ) FILTER (WHERE opening.resolved_at IS NOT NULL))[1] AS last_resolved_at,
            (array_agg(opening.resolver ORDER BY opening.opening DESC) FILTER (WHERE opening.resolved_at IS NOT NULL))[1]
                AS last_resolver,
            bool_or(opening.is_for_good) FILTER (WHERE opening.opening = 1) AS is_first_for_good,
            (array_agg(opening.is_for_good ORDER BY opening.opening DESC) FILTER (WHERE opening.resolved_at IS NOT NULL))[1]
                AS is_last_for_good,
            max(opening.holds_from) AS holds_from
        FROM openings AS opening
        GROUP BY opening.conversation_id
    ), waited AS (
        SELECT
            wait.conversation_id,
            count(*) FILTER (WHERE wait.is_known) AS questions,
            count(wait.answered_at) AS answered,
            bool_and(wait.is_known) AS are_known,
            max(wait.reply_seconds) FILTER (WHERE wait.opening = 1 AND wait.is_first) AS first_seconds,
            max(wait.reply_business_seconds) FILTER (WHERE wait.opening = 1 AND wait.is_first) AS first_business_seconds,
            bool_and(wait.is_known) FILTER (WHERE wait.opening = 1 AND wait.is_first) AS is_first_known,
            max(wait.waiting_since) FILTER (WHERE wait.ended_at IS NULL AND wait.is_known) AS since
        FROM helpdesk.customer_waits AS wait
        WHERE wait.account_id = account AND wait.conversation_id = ANY(ids)
        GROUP BY wait.conversation_id
    ), wrote AS (
        SELECT
            message.conversation_id,
            count(*) FILTER (WHERE message.is_human_reply) AS replies,
            count(*) FILTER (WHERE message.is_human_reply AND message.agent_id IS NULL) AS replies_without_agent,
            count(*) FILTER (WHERE message.direction IS DISTINCT FROM 'in' AND message.is_human_reply IS NULL) AS replies_not_known,
            count(DISTINCT message.agent_id) FILTER (WHERE message.is_human_reply) AS agents_replied,
            max(message.created_at) FILTER (
                WHERE message.is_question OR message.direction IS DISTINCT FROM 'in' AND message.is_human_reply IS DISTINCT FROM false
            ) AS last_message_at
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = account AND message.conversation_id = ANY(ids)
        GROUP BY message.conversation_id
    ), held AS (
        SELECT
            turn.conversation_id,
            count(DISTINCT turn.agent_id) AS agents_assigned,
            count(DISTINCT turn.team_id) AS teams_involved,
            count(*) FILTER (WHERE turn.agent_id IS NOT NULL AND turn.agent_id IS DISTINCT FROM turn.owner_before) AS assignments,
            count(*) FILTER (WHERE turn.agent_id <> turn.agent_before) AS handovers,
            min(turn.at) FILTER (WHERE turn.agent_id IS NOT NULL) AS assigned_at,
            (array_agg(turn.not_before ORDER BY turn.at) FILTER (WHERE turn.agent_id IS NOT NULL AND turn.is_turn))[1]
                AS assigned_not_before
        FROM helpdesk.owner_turns AS turn
        WHERE turn.account_id = account AND turn.conversation_id = ANY(ids)
        GROUP BY turn.conversation_id
    ), handed_off AS (
        SELECT event.conversation_id, count(*) AS times
        FROM helpdesk.conversation_events AS event
        WHERE event.account_id = account AND event.conversation_id = ANY(ids) AND event.kind = 'handed_off'
        GROUP BY event.conversation_id
    )
    SELECT
        account, conversation.id, does.go_on, opened.is_resolved, opened.are_ends_known, opened.current_since,
        coalesce(waited.questions, 0), coalesce(waited.answered, 0), waited.are_known, waited.is_first_known,
        waited.first_seconds, waited.first_business_seconds, waited.since,
        coalesce(wrote.replies, 0), coalesce(wrote.replies_without_agent, 0), coalesce(wrote.replies_not_known, 0),
        coalesce(wrote.agents_replied, 0), wrote.last_message_at,
        held.agents_assigned, held.teams_involved, held.assignments, held.handovers,
        CASE WHEN held.assigned_at IS NOT NULL
            THEN extract(epoch FROM greatest(held.assigned_not_before, opened.at) - opened.at)::bigint
        END,
        CASE WHEN held.assigned_at IS NOT NULL THEN extract(epoch FROM greatest(held.assigned_at, opened.at) - opened.at)::bigint END,
        coalesce(handed_off.times, 0),
        lasted.nobodys, lasted.perhaps_nobodys, lasted.unresolved,
        lasted.open, lasted.pending, lasted.snoozed, lasted.unseen, lasted.waiting,
        coalesce(opened.resolutions, 0), coalesce(opened.reopenings, 0), opened.first_seconds, opened.first_business_seconds,
        extract(epoch FROM opened.last_resolved_at - opened.at)::bigint,
        helpdesk.business_seconds(opened.at, first, opened.last_resolved_at, last), opened.last_resolver,
        opened.is_first_for_good, opened.is_last_for_good, opened.holds_from
    FROM helpdesk.conversations AS conversation
    LEFT JOIN opened ON opened.conversation_id = conversation.id
    LEFT JOIN waited ON waited.conversation_id = conversation.id
    LEFT JOIN wrote ON wrote.conversation_id = conversation.id
    LEFT JOIN held ON held.conversation_id = conversation.id
    LEFT JOIN handed_off ON handed_off.conversation_id = conversation.id
    CROSS JOIN LATERAL (SELECT coalesce(opened.is_open AND conversation.deleted_at IS NULL, false) AS go_on) AS does
    -- As bi.conversation_metrics sums up those that go on.
    LEFT JOIN LATERAL (
        SELECT
            sum(lasted.seconds) FILTER (WHERE part.kind = 'unresolved')::bigint AS unresolved,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'open')::bigint AS open,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'pending')::bigint AS pending,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'snoozed')::bigint AS snoozed,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'unseen')::bigint AS unseen,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'waiting')::bigint AS waiting,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'nobodys')::bigint AS nobodys,
            sum(lasted.seconds) FILTER (WHERE part.kind = 'perhaps nobodys')::bigint AS perhaps_nobodys
        FROM helpdesk.unresolved_times AS part
        CROSS JOIN LATERAL (SELECT extract(epoch FROM greatest(part.until, part.since) - part.since)::bigint AS seconds) AS lasted
        WHERE NOT does.go_on AND part.account_id = account AND part.conversation_id = conversation.id
    ) AS lasted ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.account_id = account AND day.inbox_id = conversation.inbox_id AND day.starts_at <= opened.at
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE day.account_id = account AND day.inbox_id = conversation.inbox_id AND day.starts_at <= opened.last_resolved_at
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS last ON true
    WHERE conversation.account_id = account AND conversation.id = ANY(ids);
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_sums(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_sums(bigint, bigint[]) IS 'Writes what is counted of conversations anew';
