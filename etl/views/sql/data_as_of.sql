-- As `etl status` has it (etl/load/journal.py): of a run that is ahead, or began after a later one, the clock was wrong, and
-- when it began is not known.
CREATE VIEW helpdesk.data_as_of AS
SELECT account.account_id, complete.started_at AS at
FROM helpdesk.accounts AS account
CROSS JOIN LATERAL (
    SELECT run.started_at FROM helpdesk.whole_runs AS run
    WHERE run.account_id = account.account_id AND run.outcome = 'complete' AND run.started_at <= now()
      AND NOT EXISTS (
          SELECT FROM helpdesk.sync_runs AS later
          WHERE later.account_id = run.account_id AND later.run_id > run.run_id AND later.started_at < run.started_at
      )
    ORDER BY run.run_id DESC LIMIT 1
) AS complete;

COMMENT ON VIEW helpdesk.data_as_of IS 'Up to when everything of an account is known: one row an account that a whole run has read';
COMMENT ON COLUMN helpdesk.data_as_of.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.data_as_of.at IS 'When the last whole run that was complete began (UTC)';
