-- The times that are summed up of a conversation while it was not resolved, one by one: all of it (unresolved), by its status,
-- while the contact waited, and while it was nobody's: as runs saw it (nobodys), or may have been (perhaps nobodys). What goes
-- on is counted up to a moment of who sums it up, and no later, whatever a run that is not complete tells after it.
CREATE VIEW helpdesk.unresolved_times AS
SELECT
    part.account_id,
    part.conversation_id,
    part.kind,
    part.since,
    least(part.until, conversation.deleted_at) AS until,
    current.resolved_at IS NULL AND conversation.deleted_at IS NULL AND part.of_opening_since >= current.opened_at AS goes_on
FROM (
    SELECT
        opening.account_id, opening.conversation_id, 'unresolved' AS kind, opening.opened_at AS since,
        opening.resolved_at AS until, opening.opened_at AS of_opening_since
    FROM helpdesk.conversation_openings AS opening
    UNION ALL
    SELECT
        span.account_id, span.conversation_id,
        CASE WHEN span.status IN ('open', 'pending', 'snoozed') THEN span.status ELSE 'unseen' END, span.since, span.until, span.since
    FROM helpdesk.open_spans AS span
    UNION ALL
    SELECT wait.account_id, wait.conversation_id, 'waiting', wait.waiting_since, wait.ended_at, wait.waiting_since
    FROM helpdesk.customer_waits AS wait
    UNION ALL
    SELECT
        opening.account_id, opening.conversation_id, nobodys.kind, greatest(nobodys.since, opening.opened_at),
        least(nobodys.until, opening.resolved_at), opening.opened_at
    FROM helpdesk.conversation_openings AS opening
    JOIN helpdesk.owner_turns AS turn
      ON turn.account_id = opening.account_id AND turn.conversation_id = opening.conversation_id AND turn.is_turn
    CROSS JOIN LATERAL (VALUES
        ('nobodys', turn.at, turn.until, turn.is_nobodys),
        ('perhaps nobodys', turn.not_before, turn.at, turn.is_nobodys OR turn.was_nobodys)
    ) AS nobodys (kind, since, until, is_so)
    WHERE nobodys.is_so
) AS part
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = part.account_id AND conversation.id = part.conversation_id
JOIN helpdesk.conversation_openings AS current
  ON current.account_id = part.account_id AND current.conversation_id = part.conversation_id AND current.is_current;

COMMENT ON VIEW helpdesk.unresolved_times IS 'The times that are summed up of conversations while they were not resolved';
COMMENT ON COLUMN helpdesk.unresolved_times.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.unresolved_times.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.unresolved_times.kind IS 'unresolved; open, pending, snoozed, unseen; waiting; nobodys, perhaps nobodys';
COMMENT ON COLUMN helpdesk.unresolved_times.since IS 'From when on (UTC)';
COMMENT ON COLUMN helpdesk.unresolved_times.until IS 'Until when (UTC); NULL: it goes on';
COMMENT ON COLUMN helpdesk.unresolved_times.goes_on IS 'Whether it is of an opening that goes on: what came after as_of is not counted yet';
