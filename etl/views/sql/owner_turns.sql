-- Who had conversations from when on: from the first state, and from each change that runs saw. Of one that no run has seen
-- nothing of this is known. It was nobody's for certain while runs saw it so, and may have been from when a run last saw it as
-- it was before.
CREATE VIEW helpdesk.owner_turns AS
SELECT
    seen.*,
    lead(seen.not_before) OVER in_time AS until,
    lag(seen.is_nobodys, 1, true) OVER in_time AS was_nobodys,
    lag(seen.agent_id) OVER in_time AS owner_before,
    lag(seen.agent_id) OVER (
        PARTITION BY seen.account_id, seen.conversation_id, seen.is_turn, seen.agent_id IS NULL ORDER BY seen.at
    ) AS agent_before
FROM (
    (
        SELECT DISTINCT ON (state.account_id, state.conversation_id)
            state.account_id, state.conversation_id, true AS is_turn, state.valid_from AS at, NULL::timestamptz AS not_before,
            state.assignee_id AS agent_id, state.team_id,
            state.assignee_id IS NULL AND state.assignee_bot_id IS NULL AS is_nobodys
        FROM helpdesk.conversation_states AS state
        ORDER BY state.account_id, state.conversation_id, state.valid_from
    )
    UNION ALL
    SELECT
        event.account_id, event.conversation_id, event.kind = 'assigned', event.at, event.not_before,
        CASE event.kind WHEN 'assigned' THEN event.agent_id END, event.team_id, event.agent_id IS NULL AND event.bot_id IS NULL
    FROM helpdesk.conversation_events AS event
    WHERE event.kind IN ('assigned', 'team')
) AS seen
WINDOW in_time AS (PARTITION BY seen.account_id, seen.conversation_id, seen.is_turn ORDER BY seen.at);

COMMENT ON VIEW helpdesk.owner_turns IS 'Who had conversations from when on, as the runs saw it';
COMMENT ON COLUMN helpdesk.owner_turns.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.owner_turns.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.owner_turns.is_turn IS 'False: only the team changed';
COMMENT ON COLUMN helpdesk.owner_turns.at IS 'When a run first saw it (UTC)';
COMMENT ON COLUMN helpdesk.owner_turns.not_before IS 'When a run last saw it as it was before (UTC); NULL: it is the first';
COMMENT ON COLUMN helpdesk.owner_turns.agent_id IS 'The agent who had it then; NULL: none';
COMMENT ON COLUMN helpdesk.owner_turns.team_id IS 'The team that had it then; NULL: none';
COMMENT ON COLUMN helpdesk.owner_turns.is_nobodys IS 'Whether neither an agent nor a bot had it';
COMMENT ON COLUMN helpdesk.owner_turns.until IS 'Until when runs saw it so (UTC); NULL: it is so still';
COMMENT ON COLUMN helpdesk.owner_turns.was_nobodys IS 'Whether nobody had it before';
COMMENT ON COLUMN helpdesk.owner_turns.owner_before IS 'The agent who had it before; NULL: none';
COMMENT ON COLUMN helpdesk.owner_turns.agent_before IS 'The last agent who had it before, also with nobody or a bot in between';
