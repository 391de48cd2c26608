CREATE VIEW helpdesk.data_as_of AS
SELECT DISTINCT ON (account_id) account_id, started_at AS at
FROM helpdesk.complete_runs
ORDER BY account_id, run_id DESC;

COMMENT ON VIEW helpdesk.data_as_of IS 'Up to when everything of an account is known: one row an account that a whole run has read';
COMMENT ON COLUMN helpdesk.data_as_of.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.data_as_of.at IS 'When the last whole run that was complete began (UTC)';
