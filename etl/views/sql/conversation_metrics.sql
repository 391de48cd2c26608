-- Each part is a LATERAL of its own, found by the conversation's key: what is not asked for is not read, and of a month's
-- conversations no others.
CREATE VIEW bi.conversation_metrics AS
SELECT
    conversation.account_id,
    conversation.id AS conversation_id,
    account.base_url || '/app/accounts/' || conversation.account_id || '/conversations/' || conversation.id AS conversation_url,
    begun.at AS opened_at,
    (begun.at AT TIME ZONE account.time_zone)::date AS opened_on,
    conversation.status,
    conversation.priority,
    coalesce(channel.channel, replace(conversation.channel, 'Channel::', '')) AS channel,
    conversation.inbox_id,
    inbox.name AS inbox,
    conversation.contact_id,
    conversation.assignee_id AS agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN conversation.assignee_bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN conversation.assignee_id IS NOT NULL THEN 'agent' WHEN conversation.assignee_bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    conversation.team_id,
    team.name AS team,
    conversation.deleted_at IS NOT NULL AS is_deleted,
    known.at AS as_of,

    waited.first_response_seconds,
    waited.first_response_business_seconds,
    coalesce(waited.is_first_known, true) AS is_first_response_known,
    coalesce(waited.questions, 0) AS questions,
    coalesce(waited.answered, 0) AS questions_answered,
    CASE WHEN waited.answered > 0 THEN false WHEN waited.are_known THEN true END AS is_unanswered,
    CASE WHEN conversation.deleted_at IS NULL THEN waited.since END AS waiting_since,

    wrote.replies,
    wrote.replies_without_agent,
    wrote.replies_not_known,
    wrote.agents_replied,
    held.agents_assigned,
    held.teams_involved,
    held.assignments,
    held.handovers,
    CASE WHEN held.assigned_at IS NOT NULL
        THEN extract(epoch FROM greatest(held.assigned_not_before, opened.at) - opened.at)::bigint
    END AS first_assignment_seconds_at_least,
    CASE WHEN held.assigned_at IS NOT NULL
        THEN extract(epoch FROM greatest(held.assigned_at, opened.at) - opened.at)::bigint
    END AS first_assignment_seconds_at_most,
    CASE WHEN opened.unresolved_seconds IS NOT NULL THEN held.nobodys_at_least END AS unassigned_seconds_at_least,
    CASE WHEN opened.unresolved_seconds IS NOT NULL THEN held.nobodys_at_most END AS unassigned_seconds_at_most,

    opened.unresolved_seconds,
    CASE WHEN opened.unresolved_seconds IS NOT NULL THEN during.open END AS open_seconds,
    CASE WHEN opened.unresolved_seconds IS NOT NULL THEN during.pending END AS pending_seconds,
    CASE WHEN opened.unresolved_seconds IS NOT NULL THEN during.snoozed END AS snoozed_seconds,
    CASE WHEN opened.unresolved_seconds IS NOT NULL THEN during.unseen END AS status_unseen_seconds,
    waiting.seconds AS waiting_for_us_seconds,
    -- Rounded one by one, the waits may be a second longer than the openings.
    CASE WHEN waiting.seconds > opened.unresolved_seconds THEN 0 ELSE opened.unresolved_seconds - waiting.seconds END
        AS waiting_for_contact_seconds,

    coalesce(opened.resolutions, 0) AS resolutions,
    coalesce(opened.reopenings, 0) AS reopenings,
    opened.first_seconds AS first_resolution_seconds,
    opened.first_business_seconds AS first_resolution_business_seconds,
    extract(epoch FROM opened.last_resolved_at - opened.at)::bigint AS last_resolution_seconds,
    helpdesk.business_seconds(opened.at, first_day, opened.last_resolved_at, last_day) AS last_resolution_business_seconds,
    opened.last_resolver,
    CASE
        WHEN NOT opened.is_resolved THEN NULL
        WHEN wrote.replies > 1 THEN false
        WHEN wrote.replies_not_known = 0 THEN wrote.replies = 1
    END AS is_one_touch,
    CASE WHEN opened.resolutions > 0 THEN opened.is_resolved AND opened.reopenings = 0 END AS is_first_contact_resolution,
    opened.is_first_for_good AS is_first_contact_resolution_for_good,
    (
        SELECT count(*) FROM helpdesk.conversation_events AS event
        WHERE event.account_id = conversation.account_id AND event.conversation_id = conversation.id AND event.kind = 'handed_off'
    ) AS bot_handoffs,
    CASE opened.last_resolver WHEN 'bot' THEN opened.is_last_for_good WHEN 'agent' THEN false WHEN 'nobody' THEN false END
        AS is_resolved_by_bot_for_good,

    surveyed.asked AS surveys_asked,
    surveyed.answered AS surveys_answered,
    (
        SELECT answer.rating FROM helpdesk.csat_answers AS answer
        WHERE answer.account_id = conversation.account_id AND answer.conversation_id = conversation.id
        ORDER BY answer.answered_at DESC NULLS LAST, answer.message_id DESC NULLS LAST LIMIT 1
    ) AS csat_rating,

    wrote.last_message_at,
    -- What came after the run began that everything is known by is no time ago.
    CASE WHEN NOT opened.is_resolved AND conversation.deleted_at IS NULL AND wrote.last_message_at IS NOT NULL
        THEN extract(epoch FROM known.at - least(wrote.last_message_at, known.at))::bigint
    END AS silence_seconds,
    CASE WHEN NOT opened.is_resolved AND conversation.deleted_at IS NULL
        THEN extract(epoch FROM known.at - least(opened.current_since, known.at))::bigint
    END AS age_seconds
FROM helpdesk.conversations AS conversation
-- As bi.conversations has it.
CROSS JOIN LATERAL (SELECT least(conversation.created_at, conversation.first_synced_at) AS at) AS begun
LEFT JOIN helpdesk.accounts AS account ON account.account_id = conversation.account_id
LEFT JOIN helpdesk.data_as_of AS known ON known.account_id = conversation.account_id
LEFT JOIN helpdesk.agents AS agent
  ON agent.account_id = conversation.account_id AND agent.id = conversation.assignee_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = conversation.account_id AND bot.type = conversation.assignee_bot_type AND bot.id = conversation.assignee_bot_id
LEFT JOIN helpdesk.inboxes AS inbox
  ON inbox.account_id = conversation.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel
  ON channel.account_id = conversation.account_id AND channel.inbox_id = conversation.inbox_id
LEFT JOIN helpdesk.teams AS team ON team.account_id = conversation.account_id AND team.id = conversation.team_id
LEFT JOIN LATERAL (
    SELECT
        min(opening.opened_at) FILTER (WHERE opening.opening = 1) AS at,
        max(opening.opened_at) FILTER (WHERE opening.is_current) AS current_since,
        bool_or(opening.is_current AND opening.resolved_at IS NOT NULL) AS is_resolved,
        -- What still goes on is counted up to then, whatever a later run that is not complete tells.
        CASE WHEN conversation.deleted_at IS NULL AND bool_or(opening.is_current AND opening.resolved_at IS NULL) THEN known.at END
            AS goes_on_until,
        count(opening.resolved_at) AS resolutions,
        count(*) FILTER (WHERE opening.opening > 1) AS reopenings,
        max(opening.resolution_seconds) FILTER (WHERE opening.opening = 1) AS first_seconds,
        max(opening.resolution_business_seconds) FILTER (WHERE opening.opening = 1) AS first_business_seconds,
        (array_agg(
            CASE WHEN opening.resolved_at_is <> 'not known' THEN greatest(opening.resolved_at, opening.opened_at) END
            ORDER BY opening.opening DESC
        ) FILTER (WHERE opening.resolved_at IS NOT NULL))[1] AS last_resolved_at,
        (array_agg(opening.resolver ORDER BY opening.opening DESC) FILTER (WHERE opening.resolved_at IS NOT NULL))[1] AS last_resolver,
        bool_or(opening.is_for_good) FILTER (WHERE opening.opening = 1) AS is_first_for_good,
        (array_agg(opening.is_for_good ORDER BY opening.opening DESC) FILTER (WHERE opening.resolved_at IS NOT NULL))[1]
            AS is_last_for_good,
        -- Of one whose end is not known nothing of this is.
        CASE WHEN bool_and(opening.resolved_at_is IS DISTINCT FROM 'not known' AND opening.ended_at IS NOT NULL)
            THEN sum(extract(epoch FROM greatest(opening.ended_at, opening.opened_at) - opening.opened_at)::bigint)::bigint
        END AS unresolved_seconds
    FROM (
        SELECT
            opening.*,
            coalesce(least(opening.resolved_at, conversation.deleted_at), known.at) AS ended_at,
            CASE
                WHEN opening.agent_id IS NOT NULL THEN 'agent'
                WHEN opening.bot_id IS NOT NULL THEN 'bot'
                WHEN opening.resolved_by = 'inferred' THEN 'not known'
                -- The vendor's event names people only: whether a bot owned it is known as a run saw it resolved.
                WHEN opening.resolved_by = 'vendor' AND NOT EXISTS (
                    SELECT FROM helpdesk.conversation_states AS state
                    WHERE state.account_id = opening.account_id AND state.conversation_id = opening.conversation_id
                      AND state.status = 'resolved' AND coalesce(state.valid_to > opening.resolved_at, true)
                      AND coalesce(state.valid_from < following.opened_at, true)
                ) THEN 'not known'
                ELSE 'nobody'
            END AS resolver,
            -- Where the bounds of either lie on both sides of the seven days, it is not known.
            CASE
                WHEN following.opened_not_after < resolved.earliest + interval '7 days' THEN false
                WHEN following.opened_not_before >= resolved.latest + interval '7 days' THEN true
                WHEN following.opening IS NULL AND known.at IS NOT NULL
                    AND least(known.at, conversation.deleted_at) >= resolved.latest + interval '7 days' THEN true
            END AS is_for_good
        FROM helpdesk.conversation_openings AS opening
        LEFT JOIN helpdesk.conversation_openings AS following
          ON following.account_id = opening.account_id AND following.conversation_id = opening.conversation_id
         AND following.opening = opening.opening + 1
        CROSS JOIN LATERAL (
            SELECT
                CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_before END AS earliest,
                CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_after END AS latest
        ) AS resolved
        WHERE opening.account_id = conversation.account_id AND opening.conversation_id = conversation.id
    ) AS opening
) AS opened ON true
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE wait.is_known) AS questions,
        count(wait.answered_at) AS answered,
        bool_and(wait.is_known) AS are_known,
        max(wait.reply_seconds) FILTER (WHERE wait.opening = 1 AND wait.is_first) AS first_response_seconds,
        max(wait.reply_business_seconds) FILTER (WHERE wait.opening = 1 AND wait.is_first) AS first_response_business_seconds,
        bool_and(wait.is_known) FILTER (WHERE wait.opening = 1 AND wait.is_first) AS is_first_known,
        max(wait.waiting_since) FILTER (WHERE wait.ended_at IS NULL AND wait.is_known) AS since,
        sum(extract(epoch FROM greatest(ended.at, wait.waiting_since) - wait.waiting_since)::bigint)::bigint AS seconds
    FROM helpdesk.customer_waits AS wait
    CROSS JOIN LATERAL (
        SELECT least(
            wait.ended_at, conversation.deleted_at, CASE WHEN wait.waiting_since >= opened.current_since THEN opened.goes_on_until END
        ) AS at
    ) AS ended
    WHERE wait.account_id = conversation.account_id AND wait.conversation_id = conversation.id
) AS waited ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN opened.unresolved_seconds IS NOT NULL AND waited.are_known IS DISTINCT FROM false THEN coalesce(waited.seconds, 0)
    END AS seconds
) AS waiting
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE message.is_human_reply) AS replies,
        count(*) FILTER (WHERE message.is_human_reply AND message.agent_id IS NULL) AS replies_without_agent,
        count(*) FILTER (WHERE message.direction IS DISTINCT FROM 'in' AND message.is_human_reply IS NULL) AS replies_not_known,
        count(DISTINCT message.agent_id) FILTER (WHERE message.is_human_reply) AS agents_replied,
        max(message.created_at) FILTER (
            WHERE message.is_question OR message.direction IS DISTINCT FROM 'in' AND message.is_human_reply IS DISTINCT FROM false
        ) AS last_message_at
    FROM helpdesk.message_kinds AS message
    WHERE message.account_id = conversation.account_id AND message.conversation_id = conversation.id
) AS wrote ON true
-- Who owned it from when on: from the first state, and from each change that runs saw. Of one that no run has seen nothing
-- of this is known. It was nobody's for certain while runs saw it so, and may have been from when a run last saw it as it
-- was before.
LEFT JOIN LATERAL (
    SELECT
        count(DISTINCT turn.agent_id) AS agents_assigned,
        count(DISTINCT turn.team_id) AS teams_involved,
        count(*) FILTER (WHERE turn.agent_id IS NOT NULL AND turn.agent_id IS DISTINCT FROM turn.owner_before) AS assignments,
        count(*) FILTER (WHERE turn.agent_id <> turn.agent_before) AS handovers,
        min(turn.at) FILTER (WHERE turn.agent_id IS NOT NULL) AS assigned_at,
        (array_agg(turn.not_before ORDER BY turn.at) FILTER (WHERE turn.agent_id IS NOT NULL AND turn.is_turn))[1]
            AS assigned_not_before,
        sum(CASE WHEN turn.is_turn AND turn.is_nobodys THEN lasted.seen ELSE 0 END)::bigint AS nobodys_at_least,
        sum(CASE WHEN turn.is_turn AND turn.is_nobodys THEN lasted.seen ELSE 0 END
            + CASE WHEN turn.is_turn AND (turn.is_nobodys OR turn.was_nobodys) THEN lasted.unseen ELSE 0 END
        )::bigint AS nobodys_at_most
    FROM (
        SELECT
            seen.*,
            lead(seen.not_before) OVER in_time AS until,
            lag(seen.is_nobodys, 1, true) OVER in_time AS was_nobodys,
            lag(seen.agent_id) OVER in_time AS owner_before,
            lag(seen.agent_id) OVER (PARTITION BY seen.is_turn, seen.agent_id IS NULL ORDER BY seen.at) AS agent_before
        FROM (
            (
                SELECT true AS is_turn, state.valid_from AS at, NULL::timestamptz AS not_before,
                    state.assignee_id AS agent_id, state.team_id,
                    state.assignee_id IS NULL AND state.assignee_bot_id IS NULL AS is_nobodys
                FROM helpdesk.conversation_states AS state
                WHERE state.account_id = conversation.account_id AND state.conversation_id = conversation.id
                ORDER BY state.valid_from LIMIT 1
            )
            UNION ALL
            SELECT event.kind = 'assigned', event.at, event.not_before, CASE event.kind WHEN 'assigned' THEN event.agent_id END,
                event.team_id, event.agent_id IS NULL AND event.bot_id IS NULL
            FROM helpdesk.conversation_events AS event
            WHERE event.account_id = conversation.account_id AND event.conversation_id = conversation.id
              AND event.kind IN ('assigned', 'team')
        ) AS seen
        WINDOW in_time AS (PARTITION BY seen.is_turn ORDER BY seen.at)
    ) AS turn
    LEFT JOIN LATERAL (
        SELECT
            sum(extract(epoch FROM greatest(seen.until, seen.since) - seen.since)::bigint) AS seen,
            sum(extract(epoch FROM greatest(seen.unseen_until, seen.unseen_since) - seen.unseen_since)::bigint) AS unseen
        FROM (
            SELECT
                greatest(turn.at, opening.opened_at) AS since, least(turn.until, ended.at) AS until,
                greatest(turn.not_before, opening.opened_at) AS unseen_since, least(turn.at, ended.at) AS unseen_until
            FROM helpdesk.conversation_openings AS opening
            CROSS JOIN LATERAL (
                SELECT coalesce(least(opening.resolved_at, conversation.deleted_at), known.at) AS at
            ) AS ended
            WHERE opening.account_id = conversation.account_id AND opening.conversation_id = conversation.id
        ) AS seen
    ) AS lasted ON turn.is_turn AND (turn.is_nobodys OR turn.was_nobodys)
    HAVING count(*) > 0
) AS held ON true
LEFT JOIN LATERAL (
    SELECT
        coalesce(sum(lasted.seconds) FILTER (WHERE span.status = 'open'), 0)::bigint AS open,
        coalesce(sum(lasted.seconds) FILTER (WHERE span.status = 'pending'), 0)::bigint AS pending,
        coalesce(sum(lasted.seconds) FILTER (WHERE span.status = 'snoozed'), 0)::bigint AS snoozed,
        coalesce(sum(lasted.seconds) FILTER (WHERE (span.status IN ('open', 'pending', 'snoozed')) IS NOT TRUE), 0)::bigint AS unseen
    FROM helpdesk.open_spans AS span
    CROSS JOIN LATERAL (
        SELECT least(span.until, CASE WHEN span.since >= opened.current_since THEN opened.goes_on_until END) AS at
    ) AS ended
    CROSS JOIN LATERAL (SELECT extract(epoch FROM greatest(ended.at, span.since) - span.since)::bigint AS seconds) AS lasted
    WHERE span.account_id = conversation.account_id AND span.conversation_id = conversation.id
) AS during ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS asked, count(*) FILTER (WHERE survey.is_answered) AS answered
    FROM helpdesk.surveys AS survey
    WHERE survey.account_id = conversation.account_id AND survey.conversation_id = conversation.id
) AS surveyed ON true
LEFT JOIN LATERAL (
    SELECT day.* FROM helpdesk.inbox_days AS day
    WHERE day.account_id = conversation.account_id AND day.inbox_id = conversation.inbox_id AND day.starts_at <= opened.at
    ORDER BY day.starts_at DESC LIMIT 1
) AS first_day ON true
LEFT JOIN LATERAL (
    SELECT day.* FROM helpdesk.inbox_days AS day
    WHERE day.account_id = conversation.account_id AND day.inbox_id = conversation.inbox_id
      AND day.starts_at <= opened.last_resolved_at
    ORDER BY day.starts_at DESC LIMIT 1
) AS last_day ON true;

COMMENT ON VIEW bi.conversation_metrics IS 'One wide row a conversation: every figure of it, beside what a BI tool filters by. What still goes on is counted up to as_of';
COMMENT ON COLUMN bi.conversation_metrics.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.conversation_metrics.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.conversation_metrics.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.conversation_metrics.opened_at IS 'When its record was made (UTC); dated ahead, when it was first seen';
COMMENT ON COLUMN bi.conversation_metrics.opened_on IS 'Day on which it began, in the account''s time zone';
COMMENT ON COLUMN bi.conversation_metrics.status IS 'open, resolved, pending, snoozed';
COMMENT ON COLUMN bi.conversation_metrics.priority IS 'low, medium, high, urgent; NULL: not set';
COMMENT ON COLUMN bi.conversation_metrics.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.conversation_metrics.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.conversation_metrics.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.conversation_metrics.contact_id IS 'Number of the contact';
COMMENT ON COLUMN bi.conversation_metrics.agent_id IS 'Number of the agent to whom it is assigned; NULL: to nobody, or to a bot';
COMMENT ON COLUMN bi.conversation_metrics.agent IS 'Name of the agent to whom it is assigned';
COMMENT ON COLUMN bi.conversation_metrics.owner IS 'Name of the agent or bot to whom it is assigned';
COMMENT ON COLUMN bi.conversation_metrics.owner_kind IS 'agent or bot; NULL: it is assigned to nobody';
COMMENT ON COLUMN bi.conversation_metrics.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.conversation_metrics.team IS 'Name of the team';
COMMENT ON COLUMN bi.conversation_metrics.is_deleted IS 'Whether it was deleted upstream';
COMMENT ON COLUMN bi.conversation_metrics.as_of IS 'Up to when what still goes on is counted: when the last whole run that was complete began (UTC); NULL: there was none, and what goes on has no seconds';
COMMENT ON COLUMN bi.conversation_metrics.first_response_seconds IS 'Seconds from the first message of the contact to a person''s reply; NULL: not yet, not before it was resolved, or not known';
COMMENT ON COLUMN bi.conversation_metrics.first_response_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.conversation_metrics.is_first_response_known IS 'False: the author of a message is not told that may be the first response';
COMMENT ON COLUMN bi.conversation_metrics.questions IS 'Times the contact began to wait for a reply; without those of which it is not known whether they were answered';
COMMENT ON COLUMN bi.conversation_metrics.questions_answered IS 'Those of them that a person answered';
COMMENT ON COLUMN bi.conversation_metrics.is_unanswered IS 'Whether the contact asked and no person has answered so far; NULL: nobody asked, or it is not known';
COMMENT ON COLUMN bi.conversation_metrics.waiting_since IS 'Since when the contact waits for a person''s reply (UTC); NULL: does not wait, or it is not known';
COMMENT ON COLUMN bi.conversation_metrics.replies IS 'Messages to the contact that a person wrote';
COMMENT ON COLUMN bi.conversation_metrics.replies_without_agent IS 'Those of them of which it is not told which person wrote them, as from a phone';
COMMENT ON COLUMN bi.conversation_metrics.replies_not_known IS 'Messages to the contact of which it is not known whether a person wrote them; not among the replies';
COMMENT ON COLUMN bi.conversation_metrics.agents_replied IS 'Different agents who replied';
COMMENT ON COLUMN bi.conversation_metrics.agents_assigned IS 'Different agents to whom it was assigned, as the runs saw it: at least so many; NULL: no run saw it';
COMMENT ON COLUMN bi.conversation_metrics.teams_involved IS 'Different teams that had it, likewise';
COMMENT ON COLUMN bi.conversation_metrics.assignments IS 'Times it became an agent''s, likewise: from nobody, a bot or another agent, or from the beginning';
COMMENT ON COLUMN bi.conversation_metrics.handovers IS 'Times it went from one agent to another, likewise; also with nobody or a bot in between';
COMMENT ON COLUMN bi.conversation_metrics.first_assignment_seconds_at_least IS 'Seconds from its beginning until it was an agent''s: to the last run that saw that it was not yet; NULL: no run saw it assigned';
COMMENT ON COLUMN bi.conversation_metrics.first_assignment_seconds_at_most IS 'The same to the first run that saw it assigned';
COMMENT ON COLUMN bi.conversation_metrics.unassigned_seconds_at_least IS 'Seconds in which it was not resolved and runs saw that nobody owned it; NULL: it is not known';
COMMENT ON COLUMN bi.conversation_metrics.unassigned_seconds_at_most IS 'The same with the times in which it was nobody''s before or after, and no run looked';
COMMENT ON COLUMN bi.conversation_metrics.unresolved_seconds IS 'Seconds in which it was not resolved, all openings together; NULL: of one it is not known when it was resolved';
COMMENT ON COLUMN bi.conversation_metrics.open_seconds IS 'Seconds of these with status open, as a run saw it then, or next';
COMMENT ON COLUMN bi.conversation_metrics.pending_seconds IS 'With status pending, likewise';
COMMENT ON COLUMN bi.conversation_metrics.snoozed_seconds IS 'With status snoozed, likewise';
COMMENT ON COLUMN bi.conversation_metrics.status_unseen_seconds IS 'Seconds of these of which no run saw the status, or a status that is new to us';
COMMENT ON COLUMN bi.conversation_metrics.waiting_for_us_seconds IS 'Seconds in which the contact waited for a person''s reply; NULL: it is not known';
COMMENT ON COLUMN bi.conversation_metrics.waiting_for_contact_seconds IS 'Seconds in which it was not resolved, and the contact did not wait; NULL: it is not known';
COMMENT ON COLUMN bi.conversation_metrics.resolutions IS 'Times it was resolved';
COMMENT ON COLUMN bi.conversation_metrics.reopenings IS 'Times it came back after it was resolved';
COMMENT ON COLUMN bi.conversation_metrics.first_resolution_seconds IS 'Seconds from its beginning to its first resolution; NULL: not resolved, or it is not known when';
COMMENT ON COLUMN bi.conversation_metrics.first_resolution_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.conversation_metrics.last_resolution_seconds IS 'Seconds from its beginning to its last resolution so far, also where it was reopened since';
COMMENT ON COLUMN bi.conversation_metrics.last_resolution_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.conversation_metrics.last_resolver IS 'Who owned it when it was resolved last: agent, bot, nobody, not known; NULL: never resolved';
COMMENT ON COLUMN bi.conversation_metrics.is_one_touch IS 'Of one that is resolved: whether a person replied exactly once; NULL: it is not resolved, or it is not known';
COMMENT ON COLUMN bi.conversation_metrics.is_first_contact_resolution IS 'Whether it is resolved and never came back so far; NULL: never resolved';
COMMENT ON COLUMN bi.conversation_metrics.is_first_contact_resolution_for_good IS 'Whether nothing reopened it within seven days after its first resolution; NULL: not resolved, they have not passed, or it is not known';
COMMENT ON COLUMN bi.conversation_metrics.bot_handoffs IS 'Times a bot gave it to people, as the vendor or the runs tell';
COMMENT ON COLUMN bi.conversation_metrics.is_resolved_by_bot_for_good IS 'Whether a bot owned it when it was resolved last, and nothing reopened it within seven days; NULL: not resolved, they have not passed, or it is not known';
COMMENT ON COLUMN bi.conversation_metrics.surveys_asked IS 'Satisfaction surveys sent to the contact';
COMMENT ON COLUMN bi.conversation_metrics.surveys_answered IS 'Those of them that were answered';
COMMENT ON COLUMN bi.conversation_metrics.csat_rating IS 'Last satisfaction rating, 1 (worst) to 5 (best)';
COMMENT ON COLUMN bi.conversation_metrics.last_message_at IS 'Last message of the contact, or to the contact by a person or somebody not told (UTC)';
COMMENT ON COLUMN bi.conversation_metrics.silence_seconds IS 'Of one that is not resolved: seconds from that to as_of';
COMMENT ON COLUMN bi.conversation_metrics.age_seconds IS 'Of one that is not resolved: seconds from its beginning, or last reopening, to as_of';
