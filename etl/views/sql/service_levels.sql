CREATE VIEW bi.service_levels AS
SELECT
    owed.account_id,
    owed.conversation_id,
    account.base_url || '/app/accounts/' || owed.account_id || '/conversations/' || owed.conversation_id AS conversation_url,
    target.name AS target,
    target.what,
    target.within_seconds,
    target.time,
    target.valid_from,
    owed.opening,
    owed.question_message_id,
    owed.since AS began_at,
    owed.began_on,
    due.at AS due_at,
    owed.ended_at,
    CASE WHEN owed.is_known THEN CASE target.time
        WHEN 'calendar' THEN extract(epoch FROM CASE WHEN counted.until < owed.since THEN '0' ELSE counted.until - owed.since END)::bigint
        ELSE CASE WHEN owed.ended_by IS NULL
            THEN helpdesk.business_seconds(owed.since, first, counted.until, last) ELSE owed.business_seconds
        END
    END END AS elapsed_seconds,
    result.result,
    nullif(result.result, 'not known') = 'met' AS is_met,
    nullif(result.result, 'not known') = 'breached' AS is_breached,
    CASE WHEN owed.is_known THEN owed.ended_by IS NULL AND owed.deleted_at IS NULL END AS is_running,
    nullif(result.result, 'not known') = 'unanswered' AS is_unanswered,
    CASE WHEN owed.is_inbox_known THEN owed.inbox_id END AS inbox_id,
    CASE WHEN owed.is_inbox_known THEN inbox.name END AS inbox,
    CASE WHEN owed.is_inbox_known THEN channel.channel END AS channel,
    CASE WHEN owed.is_team_known THEN owed.team_id END AS team_id,
    CASE WHEN owed.is_team_known THEN team.name END AS team,
    CASE WHEN owed.is_priority_known THEN owed.priority END AS priority,
    CASE WHEN owed.are_labels_known THEN owed.labels END AS labels,
    CASE WHEN owed.are_labels_known THEN array_to_string(owed.labels, ', ') END AS labels_text,
    nullif(concat_ws(
        ', ',
        CASE WHEN NOT owed.is_inbox_known THEN 'inbox' END, CASE WHEN NOT owed.is_team_known THEN 'team' END,
        CASE WHEN NOT owed.is_priority_known THEN 'priority' END, CASE WHEN NOT owed.are_labels_known THEN 'labels' END
    ), '') AS not_seen,
    owed.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    known.until AS as_of,
    owed.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.target_periods AS target
JOIN helpdesk.obligations AS owed
  ON owed.account_id = target.account_id AND owed.what = target.what AND owed.since >= target.since
 AND (target.until IS NULL OR owed.since < target.until)
-- Whether it is for this one: false is for none of it, NULL is not known.
CROSS JOIN LATERAL (
    SELECT
        (target.inbox_ids IS NULL OR CASE WHEN believed.inbox THEN coalesce(owed.inbox_id = ANY (target.inbox_ids), false) END)
        AND (target.channel_inbox_ids IS NULL
            OR CASE WHEN believed.inbox THEN coalesce(owed.inbox_id = ANY (target.channel_inbox_ids), false) END)
        AND (target.team_ids IS NULL OR CASE WHEN believed.team THEN coalesce(owed.team_id = ANY (target.team_ids), false) END)
        AND (target.priorities IS NULL
            OR CASE WHEN believed.priority THEN coalesce(owed.priority = ANY (target.priorities), false) END)
        AND (target.labels IS NULL OR CASE WHEN believed.labels THEN owed.labels && target.labels END) AS this
    FROM (
        SELECT
            owed.is_inbox_known OR target.unseen = 'as_next_seen' AS inbox,
            owed.is_team_known OR target.unseen = 'as_next_seen' AS team,
            owed.is_priority_known OR target.unseen = 'as_next_seen' AS priority,
            owed.are_labels_known OR target.unseen = 'as_next_seen' AS labels
    ) AS believed
    OFFSET 0  -- here and below: each is worked out once, and not wherever it is named
) AS is_for
LEFT JOIN helpdesk.accounts AS account ON account.account_id = owed.account_id
-- What had happened by then is known; of a deleted conversation by the last run that may have seen it.
LEFT JOIN helpdesk.data_as_of AS newest ON newest.account_id = owed.account_id
LEFT JOIN LATERAL (
    SELECT run.started_at FROM helpdesk.complete_runs AS run
    WHERE owed.deleted_at IS NOT NULL AND run.account_id = owed.account_id AND run.finished_at < owed.deleted_at
    ORDER BY run.run_id DESC LIMIT 1
) AS before_it_was_gone ON true
CROSS JOIN LATERAL (
    SELECT CASE WHEN owed.deleted_at IS NULL THEN newest.at ELSE before_it_was_gone.started_at END AS until
) AS known
CROSS JOIN LATERAL (
    SELECT CASE WHEN owed.ended_by IS NULL THEN known.until ELSE owed.ended_at END AS until
) AS counted
LEFT JOIN helpdesk.inbox_days AS first
  ON target.time = 'business' AND first.account_id = owed.account_id AND first.inbox_id = owed.inbox_id
 AND first.starts_at = owed.inbox_day_starts_at
-- Of what goes on: until when it is counted.
LEFT JOIN LATERAL (
    SELECT day.* FROM helpdesk.inbox_days AS day
    WHERE owed.ended_by IS NULL AND day.account_id = owed.account_id AND day.inbox_id = first.inbox_id
      AND day.starts_at <= counted.until
    ORDER BY day.starts_at DESC LIMIT 1
) AS last ON true
-- How long the inbox will have been open by then, since its first day; mostly it is on the same day.
CROSS JOIN LATERAL (
    SELECT helpdesk.open_until(owed.since, first) + make_interval(secs => target.within_seconds) AS open_for
    OFFSET 0
) AS needed
CROSS JOIN LATERAL (
    SELECT first.open_before + (first.closes - first.opens) >= needed.open_for AS on_the_same_day
) AS reached
LEFT JOIN LATERAL (
    SELECT day.* FROM helpdesk.inbox_days AS day
    WHERE first.day IS NOT NULL AND reached.on_the_same_day IS NOT TRUE
      AND day.account_id = owed.account_id AND day.inbox_id = first.inbox_id
      AND day.starts_at > first.starts_at AND day.open_before + (day.closes - day.opens) >= needed.open_for
    ORDER BY day.starts_at LIMIT 1
) AS later ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN target.time = 'calendar' THEN owed.since + make_interval(secs => target.within_seconds)
        WHEN reached.on_the_same_day THEN helpdesk.business_due(needed.open_for, first)
        ELSE helpdesk.business_due(needed.open_for, later)
    END AS at
    OFFSET 0
) AS due
-- After all days of which the hours are known, it is later than anything that is.
CROSS JOIN LATERAL (SELECT CASE WHEN due.at IS NULL AND first.day IS NOT NULL THEN 'infinity' ELSE due.at END AS at) AS latest
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN is_for.this IS NULL OR NOT owed.is_known OR latest.at IS NULL THEN 'not known'
        WHEN owed.ended_by IS NOT NULL AND owed.ended_not_before > latest.at THEN 'breached'
        WHEN owed.ended_by IS NOT NULL AND (owed.was_since_earlier OR owed.ended_not_after <= latest.at IS NOT TRUE) THEN 'not known'
        WHEN owed.ended_by = 'done' THEN 'met'
        WHEN owed.ended_by = 'given up' THEN 'unanswered'
        WHEN latest.at < known.until THEN 'breached'
        WHEN known.until IS NULL OR owed.deleted_at IS NOT NULL THEN 'not known'
        ELSE 'running'
    END AS result
    OFFSET 0
) AS result
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = owed.account_id AND inbox.id = owed.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = owed.account_id AND channel.inbox_id = owed.inbox_id
LEFT JOIN helpdesk.teams AS team ON team.account_id = owed.account_id AND team.id = owed.team_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = owed.account_id AND agent.id = owed.agent_id
WHERE is_for.this IS NOT FALSE;

COMMENT ON VIEW bi.service_levels IS 'One row for each reply or resolution that a service level target promised: whether it was in time';
COMMENT ON COLUMN bi.service_levels.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.service_levels.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.service_levels.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.service_levels.target IS 'Name of the target';
COMMENT ON COLUMN bi.service_levels.what IS 'first_reply, next_reply or resolution';
COMMENT ON COLUMN bi.service_levels.within_seconds IS 'Within how many seconds it was promised';
COMMENT ON COLUMN bi.service_levels.time IS 'business (only the inbox''s working hours count) or calendar';
COMMENT ON COLUMN bi.service_levels.valid_from IS 'From which day on the target is as it is here';
COMMENT ON COLUMN bi.service_levels.opening IS '1 for the beginning, 2 for the first reopening ...';
COMMENT ON COLUMN bi.service_levels.question_message_id IS 'Of a reply: number of the message that had to be answered';
COMMENT ON COLUMN bi.service_levels.began_at IS 'When the contact asked, or the conversation began or came back (UTC)';
COMMENT ON COLUMN bi.service_levels.began_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN bi.service_levels.due_at IS 'Until when it was promised (UTC); NULL: the inbox has no working hours, or it is months ahead';
COMMENT ON COLUMN bi.service_levels.ended_at IS 'When it was answered, or resolved (UTC); NULL: not yet, or it is not known';
COMMENT ON COLUMN bi.service_levels.elapsed_seconds IS 'Seconds, business or calendar, from its begin to its end, or to as_of; NULL: not known';
COMMENT ON COLUMN bi.service_levels.result IS 'met, breached (also where it goes on), running (not due by as_of), unanswered (resolved without a reply before it was due), not known';
COMMENT ON COLUMN bi.service_levels.is_met IS 'Whether it was in time; NULL: not known';
COMMENT ON COLUMN bi.service_levels.is_breached IS 'Whether it was late, or goes on and was due by as_of; NULL: not known';
COMMENT ON COLUMN bi.service_levels.is_running IS 'Whether it goes on, late or not; NULL: not known';
COMMENT ON COLUMN bi.service_levels.is_unanswered IS 'Whether it was resolved without a reply before it was due: neither met nor breached; NULL: not known';
COMMENT ON COLUMN bi.service_levels.inbox_id IS 'Number of the inbox then, when it began; NULL: not known';
COMMENT ON COLUMN bi.service_levels.inbox IS 'Name of that inbox';
COMMENT ON COLUMN bi.service_levels.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.service_levels.team_id IS 'Number of the team then; NULL: none, or not known (not_seen)';
COMMENT ON COLUMN bi.service_levels.team IS 'Name of that team';
COMMENT ON COLUMN bi.service_levels.priority IS 'Priority then: low, medium, high, urgent; NULL: none, or not known (not_seen)';
COMMENT ON COLUMN bi.service_levels.labels IS 'Labels then, in alphabetical order; NULL: not known';
COMMENT ON COLUMN bi.service_levels.labels_text IS 'The same as one text, with commas';
COMMENT ON COLUMN bi.service_levels.not_seen IS 'Which of inbox, team, priority, labels no run saw as they were then; NULL: all are known';
COMMENT ON COLUMN bi.service_levels.agent_id IS 'Number of the agent who replied, or to whom it was assigned when it was resolved';
COMMENT ON COLUMN bi.service_levels.agent IS 'Name of that agent';
COMMENT ON COLUMN bi.service_levels.as_of IS 'When the last complete run began that may have seen it (UTC): what goes on is judged by then';
COMMENT ON COLUMN bi.service_levels.is_deleted IS 'Whether the conversation was deleted upstream';
