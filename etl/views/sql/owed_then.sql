-- What contacts are owed, with what was true of the conversation when it began to be owed, as far as runs saw it: a state that
-- one had seen before, and a later one found again, or the next one that was seen is the same in this. What is
-- not known is as the next run saw it that saw anything.
CREATE VIEW helpdesk.owed_then AS
SELECT
    owed.*,
    conversation.deleted_at,
    -- It is always in one: where it had none before it moved, none was told.
    moved.number IS NULL OR moved.before IS NOT NULL AND moved.is_later_than_a_look AS is_inbox_known,
    CASE
        WHEN moved.number IS NULL THEN conversation.inbox_id
        WHEN moved.before IS NOT NULL AND moved.is_later_than_a_look THEN (moved.before #>> '{}')::bigint
        ELSE (moved.after #>> '{}')::bigint
    END AS inbox_id,
    coalesce(state.is_sure OR following.is_there AND state.team_id IS NOT DISTINCT FROM following.team_id, false) AS is_team_known,
    CASE WHEN state.is_sure THEN state.team_id ELSE following.team_id END AS team_id,
    coalesce(state.is_sure OR following.is_there AND state.priority IS NOT DISTINCT FROM following.priority, false) AS is_priority_known,
    CASE WHEN state.is_sure THEN state.priority ELSE following.priority END AS priority,
    coalesce(state.is_sure IS NOT NULL AND (labelled.number IS NULL OR labelled.is_later_than_a_look), false) AS are_labels_known,
    CASE
        WHEN labelled.number IS NULL THEN ARRAY(
            SELECT label.label FROM helpdesk.conversation_labels AS label
            WHERE label.account_id = owed.account_id AND label.conversation_id = owed.conversation_id ORDER BY label.label
        )
        WHEN state.is_sure IS NULL OR labelled.is_later_than_a_look THEN labelled.labels_before
        ELSE labelled.labels_after
    END AS labels
FROM helpdesk.owed AS owed
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = owed.account_id AND conversation.id = owed.conversation_id
LEFT JOIN LATERAL (
    SELECT
        state.team_id,
        state.priority,
        state.valid_to IS NULL OR EXISTS (
            SELECT FROM helpdesk.whole_runs AS run
            WHERE run.account_id = owed.account_id AND run.has_seen_all AND run.has_seen_silent_moves
              AND NOT run.unseen ? owed.conversation_id::text
              AND run.started_at >= owed.since AND run.started_at < state.valid_to AND run.finished_at < state.valid_to
        ) AS is_sure
    FROM helpdesk.conversation_states AS state
    WHERE state.account_id = owed.account_id AND state.conversation_id = owed.conversation_id
      AND state.valid_from <= owed.since AND (state.valid_to IS NULL OR state.valid_to > owed.since)
    OFFSET 0  -- the runs are looked through once
) AS state ON true
LEFT JOIN LATERAL (
    SELECT state.is_sure IS NOT NULL AS is_there, following.team_id, following.priority
    FROM helpdesk.conversation_states AS following
    WHERE state.is_sure IS NOT TRUE AND following.account_id = owed.account_id
      AND following.conversation_id = owed.conversation_id AND following.valid_from > owed.since
    ORDER BY following.valid_from LIMIT 1
) AS following ON true
LEFT JOIN LATERAL (
    SELECT change.number, change.before, change.after, EXISTS (
        SELECT FROM helpdesk.whole_runs AS run
        WHERE run.account_id = owed.account_id AND run.has_seen_all AND run.has_seen_silent_moves
              AND NOT run.unseen ? owed.conversation_id::text
          AND run.started_at >= owed.since AND run.started_at < change.seen_at AND run.finished_at < change.seen_at
    ) AS is_later_than_a_look
    FROM helpdesk.field_changes AS change
    WHERE change.account_id = owed.account_id AND change.entity = 'conversation' AND change.entity_id = owed.conversation_id
      AND change.field = 'inbox_id' AND change.seen_at > owed.since
    ORDER BY change.seen_at, change.number LIMIT 1
) AS moved ON true
LEFT JOIN LATERAL (
    SELECT
        change.number,
        ARRAY(SELECT jsonb_array_elements_text(change.before)) AS labels_before,
        ARRAY(SELECT jsonb_array_elements_text(change.after)) AS labels_after,
        EXISTS (
            SELECT FROM helpdesk.whole_runs AS run
            WHERE run.account_id = owed.account_id AND run.has_seen_all AND run.has_seen_silent_moves
              AND NOT run.unseen ? owed.conversation_id::text
              AND run.started_at >= owed.since AND run.started_at < change.seen_at AND run.finished_at < change.seen_at
        ) AS is_later_than_a_look
    FROM helpdesk.field_changes AS change
    WHERE change.account_id = owed.account_id AND change.entity = 'conversation' AND change.entity_id = owed.conversation_id
      AND change.field = 'labels' AND change.seen_at > owed.since
    ORDER BY change.seen_at, change.number LIMIT 1
) AS labelled ON true;

COMMENT ON VIEW helpdesk.owed_then IS 'What contacts are owed, with what was true of the conversation when it began';
COMMENT ON COLUMN helpdesk.owed_then.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.owed_then.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.owed_then.what IS 'first_reply, next_reply or resolution';
COMMENT ON COLUMN helpdesk.owed_then.opening IS 'In, or of which opening';
COMMENT ON COLUMN helpdesk.owed_then.question_message_id IS 'Of a reply: the message with which the wait began';
COMMENT ON COLUMN helpdesk.owed_then.since IS 'Since when (UTC)';
COMMENT ON COLUMN helpdesk.owed_then.began_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN helpdesk.owed_then.was_since_earlier IS 'Whether it may have been owed earlier: only a run tells that it was reopened';
COMMENT ON COLUMN helpdesk.owed_then.is_known IS 'Whether it is known if somebody replied';
COMMENT ON COLUMN helpdesk.owed_then.ended_by IS 'done, given up (resolved without a reply); NULL: it is owed still';
COMMENT ON COLUMN helpdesk.owed_then.ended_at IS 'When (UTC); NULL: it is owed still, or it is not known';
COMMENT ON COLUMN helpdesk.owed_then.ended_not_before IS 'It did not end before this (UTC)';
COMMENT ON COLUMN helpdesk.owed_then.ended_not_after IS 'It did not end after this (UTC)';
COMMENT ON COLUMN helpdesk.owed_then.agent_id IS 'The agent who replied, or to whom it was assigned when it was resolved';
COMMENT ON COLUMN helpdesk.owed_then.deleted_at IS 'When a run found that the conversation was deleted (UTC)';
COMMENT ON COLUMN helpdesk.owed_then.is_inbox_known IS 'Whether it is known which inbox it was in then';
COMMENT ON COLUMN helpdesk.owed_then.inbox_id IS 'The inbox then; not known: as the next run saw it';
COMMENT ON COLUMN helpdesk.owed_then.is_team_known IS 'Whether it is known which team had it then';
COMMENT ON COLUMN helpdesk.owed_then.team_id IS 'The team then, likewise; NULL: none';
COMMENT ON COLUMN helpdesk.owed_then.is_priority_known IS 'Whether it is known which priority it had then';
COMMENT ON COLUMN helpdesk.owed_then.priority IS 'The priority then, likewise; NULL: none';
COMMENT ON COLUMN helpdesk.owed_then.are_labels_known IS 'Whether it is known which labels it had then';
COMMENT ON COLUMN helpdesk.owed_then.labels IS 'The labels then, likewise';
