-- What was open at the end of a day is known from the day before the first run that looked at the whole account to the last
-- day that had ended when the last of them began: whatever happened in between, that one saw what had come of it.
CREATE VIEW bi.known_days AS
SELECT
    day.account_id,
    day.day,
    coalesce(day.day >= run.first_on - 1 AND day.ends_at <= run.last_at, false) AS is_known,
    CASE
        WHEN run.last_at IS NULL THEN 'No run has looked at the whole account yet.'
        WHEN day.day < run.first_on - 1 THEN 'It was over before the first run looked at the whole account.'
        WHEN day.ends_at > run.last_at THEN 'No run has looked at the whole account since it ended.'
    END AS reason
FROM bi.calendar AS day
LEFT JOIN (
    SELECT
        account.account_id, (min(run.started_at) AT TIME ZONE account.time_zone)::date AS first_on, max(run.started_at) AS last_at
    FROM helpdesk.accounts AS account
    JOIN helpdesk.whole_runs AS run ON run.account_id = account.account_id
    WHERE run.started_at <= now()  -- else the clock was ahead, and when it began is not known
    GROUP BY account.account_id, account.time_zone
) AS run ON run.account_id = day.account_id;

COMMENT ON VIEW bi.known_days IS 'Whether it is known what was open at the end of each day';
COMMENT ON COLUMN bi.known_days.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.known_days.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.known_days.is_known IS 'Whether bi.daily_backlog has it';
COMMENT ON COLUMN bi.known_days.reason IS 'Why it does not; NULL: it does';
