-- What does not depend on when it is counted is in conversation_sums: a month is read without its messages.
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

    counted.first_response_seconds,
    counted.first_response_business_seconds,
    CASE WHEN counted.conversation_id IS NOT NULL THEN coalesce(counted.is_first_response_known, true) END AS is_first_response_known,
    counted.questions,
    counted.questions_answered,
    CASE WHEN counted.questions_answered > 0 THEN false WHEN counted.are_questions_known THEN true END AS is_unanswered,
    CASE WHEN conversation.deleted_at IS NULL THEN counted.waiting_since END AS waiting_since,

    counted.replies,
    counted.replies_without_agent,
    counted.replies_not_known,
    counted.agents_replied,
    counted.agents_assigned,
    counted.teams_involved,
    counted.assignments,
    counted.handovers,
    counted.first_assignment_seconds_at_least,
    counted.first_assignment_seconds_at_most,
    -- Of one that no run has seen it is not known.
    CASE WHEN unresolved.seconds IS NOT NULL AND counted.assignments IS NOT NULL THEN coalesce(lasted.nobodys, 0) END
        AS unassigned_seconds_at_least,
    CASE WHEN unresolved.seconds IS NOT NULL AND counted.assignments IS NOT NULL
        THEN coalesce(lasted.nobodys, 0) + coalesce(lasted.perhaps_nobodys, 0)
    END AS unassigned_seconds_at_most,

    unresolved.seconds AS unresolved_seconds,
    CASE WHEN unresolved.seconds IS NOT NULL THEN coalesce(lasted.open, 0) END AS open_seconds,
    CASE WHEN unresolved.seconds IS NOT NULL THEN coalesce(lasted.pending, 0) END AS pending_seconds,
    CASE WHEN unresolved.seconds IS NOT NULL THEN coalesce(lasted.snoozed, 0) END AS snoozed_seconds,
    CASE WHEN unresolved.seconds IS NOT NULL THEN coalesce(lasted.unseen, 0) END AS status_unseen_seconds,
    waiting.seconds AS waiting_for_us_seconds,
    -- Rounded one by one, the waits may be a second longer than the openings.
    CASE WHEN waiting.seconds > unresolved.seconds THEN 0 ELSE unresolved.seconds - waiting.seconds END AS waiting_for_contact_seconds,

    counted.resolutions,
    counted.reopenings,
    counted.first_resolution_seconds,
    counted.first_resolution_business_seconds,
    counted.last_resolution_seconds,
    counted.last_resolution_business_seconds,
    counted.last_resolver,
    CASE
        WHEN NOT counted.is_resolved THEN NULL
        WHEN counted.replies > 1 THEN false
        WHEN counted.replies_not_known = 0 THEN counted.replies = 1
    END AS is_one_touch,
    CASE WHEN counted.resolutions > 0 THEN counted.is_resolved AND counted.reopenings = 0 END AS is_first_contact_resolution,
    CASE WHEN counted.reopenings = 0 THEN held.is_so WHEN passed.since_first THEN counted.is_first_for_good END
        AS is_first_contact_resolution_for_good,
    counted.bot_handoffs,
    CASE
        WHEN counted.last_resolver = 'not known' THEN NULL
        WHEN counted.is_resolved THEN CASE WHEN held.is_so THEN counted.last_resolver = 'bot' END
        WHEN passed.since_last THEN counted.last_resolver = 'bot' AND counted.is_last_for_good
    END AS is_resolved_by_bot_for_good,

    surveyed.asked AS surveys_asked,
    surveyed.answered AS surveys_answered,
    (
        SELECT answer.rating FROM helpdesk.csat_answers AS answer
        WHERE answer.account_id = conversation.account_id AND answer.conversation_id = conversation.id
        ORDER BY answer.answered_at DESC NULLS LAST, answer.message_id DESC NULLS LAST LIMIT 1
    ) AS csat_rating,

    counted.last_message_at,
    -- What came after the run began that everything is known by is no time ago.
    CASE WHEN NOT counted.is_resolved AND conversation.deleted_at IS NULL AND counted.last_message_at IS NOT NULL
        THEN extract(epoch FROM known.at - least(counted.last_message_at, known.at))::bigint
    END AS silence_seconds,
    CASE WHEN NOT counted.is_resolved AND conversation.deleted_at IS NULL
        THEN extract(epoch FROM known.at - least(counted.current_since, known.at))::bigint
    END AS age_seconds
FROM helpdesk.conversations AS conversation
-- As bi.conversations has it.
CROSS JOIN LATERAL (SELECT least(conversation.created_at, conversation.first_synced_at) AS at) AS begun
LEFT JOIN helpdesk.conversation_sums AS counted
  ON counted.account_id = conversation.account_id AND counted.conversation_id = conversation.id
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
-- What goes on is counted here, up to as_of; its times are found by the conversation's key.
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
    CROSS JOIN LATERAL (SELECT least(part.until, CASE WHEN part.goes_on THEN known.at END) AS at) AS ended
    CROSS JOIN LATERAL (SELECT extract(epoch FROM greatest(ended.at, part.since) - part.since)::bigint AS seconds) AS lasted
    WHERE counted.goes_on AND part.account_id = conversation.account_id AND part.conversation_id = conversation.id
) AS going_on ON true
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN counted.goes_on THEN going_on.unresolved ELSE counted.unresolved_seconds END AS unresolved,
        CASE WHEN counted.goes_on THEN going_on.open ELSE counted.open_seconds END AS open,
        CASE WHEN counted.goes_on THEN going_on.pending ELSE counted.pending_seconds END AS pending,
        CASE WHEN counted.goes_on THEN going_on.snoozed ELSE counted.snoozed_seconds END AS snoozed,
        CASE WHEN counted.goes_on THEN going_on.unseen ELSE counted.unseen_seconds END AS unseen,
        CASE WHEN counted.goes_on THEN going_on.waiting ELSE counted.waiting_seconds END AS waiting,
        CASE WHEN counted.goes_on THEN going_on.nobodys ELSE counted.nobodys_seconds END AS nobodys,
        CASE WHEN counted.goes_on THEN going_on.perhaps_nobodys ELSE counted.perhaps_nobodys_seconds END AS perhaps_nobodys
) AS lasted
-- Of one whose end is not known nothing of this is.
CROSS JOIN LATERAL (
    SELECT CASE WHEN counted.are_ends_known AND (known.at IS NOT NULL OR NOT counted.goes_on) THEN lasted.unresolved END AS seconds
) AS unresolved
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN unresolved.seconds IS NOT NULL AND counted.are_questions_known IS DISTINCT FROM false THEN coalesce(lasted.waiting, 0)
    END AS seconds
) AS waiting
-- Whether the last resolution has held for seven days.
CROSS JOIN LATERAL (SELECT CASE WHEN known.at >= counted.holds_from THEN true END AS is_so) AS held
-- Of one that came back whether they have passed, too: else all that is known of the last days is what did not hold, and it
-- would be the whole of a share.
LEFT JOIN LATERAL (
    SELECT
        bool_or(resolved.is_past) FILTER (WHERE opening.opening = 1) AS since_first,
        bool_or(resolved.is_past) FILTER (WHERE opening.opening = counted.reopenings) AS since_last
    FROM helpdesk.conversation_openings AS opening
    CROSS JOIN LATERAL (
        SELECT known.at >= latest.at + interval '7 days' AND coalesce(conversation.deleted_at >= latest.at + interval '7 days', true)
            AS is_past
        FROM (
            SELECT CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_after END AS at
        ) AS latest
    ) AS resolved
    WHERE counted.reopenings > 0 AND opening.account_id = conversation.account_id AND opening.conversation_id = conversation.id
) AS passed ON true
LEFT JOIN LATERAL (
    SELECT count(*) AS asked, count(*) FILTER (WHERE survey.is_answered) AS answered
    FROM helpdesk.surveys AS survey
    WHERE survey.account_id = conversation.account_id AND survey.conversation_id = conversation.id
) AS surveyed ON true;

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
