-- As `etl status` has it (etl/load/journal.py): of a run that is ahead, or began after a later one, the clock was wrong, and
-- when it began is not known.
CREATE VIEW helpdesk.complete_runs AS
SELECT run.account_id, run.run_id, run.started_at, run.finished_at
FROM helpdesk.whole_runs AS run
WHERE run.outcome = 'complete' AND run.started_at <= now()
  AND NOT EXISTS (
      SELECT FROM helpdesk.sync_runs AS later
      WHERE later.account_id = run.account_id AND later.run_id > run.run_id AND later.started_at < run.started_at
  );

COMMENT ON VIEW helpdesk.complete_runs IS 'Complete runs over the whole account of which it is known when they began: the figures hold for the last one''s begin';
COMMENT ON COLUMN helpdesk.complete_runs.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.complete_runs.run_id IS 'Number of the run';
COMMENT ON COLUMN helpdesk.complete_runs.started_at IS 'Begin (UTC)';
COMMENT ON COLUMN helpdesk.complete_runs.finished_at IS 'End (UTC)';
