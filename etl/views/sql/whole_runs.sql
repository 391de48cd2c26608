-- The runs that looked at the whole account, so that what they did not find changed was as it had been: full ones, and those
-- of what is recent (--recent), which stop where nothing has moved since the run before. An incomplete one has seen every
-- conversation only where the ledger says so. What moved without an activity, as when a rule assigns, is not seen by one that
-- reads what changed on a server that does not tell of that. A complete one may have been let off some conversations that
-- cannot be read (etl accept), or its token is refused some: what the tables have of these it did not see.
CREATE VIEW helpdesk.whole_runs AS
SELECT
    account_id, run_id, started_at, finished_at, outcome,
    outcome = 'complete' OR coalesce(selection IS NULL AND unaccounted = 0 AND coalesce(unreadable, 0) = 0, false) AS has_seen_all,
    coalesce(sees_silent_moves, true) AS has_seen_silent_moves,
    coalesce(unseen, '[]') AS unseen
FROM helpdesk.sync_runs
WHERE finished_at IS NOT NULL AND outcome IN ('complete', 'incomplete')
  AND (selection IS NULL OR selection = '{"recent": true}'::jsonb);

COMMENT ON VIEW helpdesk.whole_runs IS 'Runs that looked at the whole account, and ended';
COMMENT ON COLUMN helpdesk.whole_runs.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.whole_runs.run_id IS 'Number of the run';
COMMENT ON COLUMN helpdesk.whole_runs.started_at IS 'Begin (UTC)';
COMMENT ON COLUMN helpdesk.whole_runs.finished_at IS 'End (UTC)';
COMMENT ON COLUMN helpdesk.whole_runs.outcome IS 'complete or incomplete';
COMMENT ON COLUMN helpdesk.whole_runs.has_seen_all IS 'Whether it saw every conversation, so that what it did not find changed was as before';
COMMENT ON COLUMN helpdesk.whole_runs.has_seen_silent_moves IS 'Whether that goes for what moved without an activity, too';
COMMENT ON COLUMN helpdesk.whole_runs.unseen IS 'Conversations in the tables that it could not see: an array of their ids, as texts';
