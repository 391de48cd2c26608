-- A day begins at midnight in the account's time zone: the days on which the clocks change have 23 or 25 hours. Views
-- that count by day join messages between `starts_at` and `ends_at`, so that a month is found by an index.
CREATE VIEW bi.calendar AS
SELECT
    account.account_id,
    day::date AS day,
    day AT TIME ZONE account.time_zone AS starts_at,
    (day + interval '1 day') AT TIME ZONE account.time_zone AS ends_at,
    extract(year FROM day)::int AS year,
    extract(quarter FROM day)::int AS quarter,
    extract(month FROM day)::int AS month,
    extract(isoyear FROM day)::int AS iso_year,
    extract(week FROM day)::int AS iso_week,
    day::date - (extract(isodow FROM day)::int - account.week_starts + 7) % 7 AS week_starts_on,
    extract(isodow FROM day)::int AS weekday,
    to_char(day, 'FMDay') AS weekday_name,
    extract(isodow FROM day) = ANY (account.weekend) AS is_weekend,
    EXISTS (
        SELECT FROM helpdesk.holidays AS holiday WHERE holiday.account_id = account.account_id AND holiday.day = day.day::date
    ) AS is_holiday,
    (
        SELECT string_agg(DISTINCT holiday.name, '; ' ORDER BY holiday.name) FROM helpdesk.holidays AS holiday
        WHERE holiday.account_id = account.account_id AND holiday.day = day.day::date
    ) AS holiday,
    account.time_zone
FROM helpdesk.accounts AS account
CROSS JOIN LATERAL (
    SELECT least(
        (SELECT min(created_at) FROM helpdesk.conversations WHERE account_id = account.account_id),
        (SELECT min(created_at) FROM helpdesk.message_kinds WHERE account_id = account.account_id)
    ) AS at
) AS first
CROSS JOIN LATERAL generate_series(
    date_trunc('day', greatest(first.at, '1970-01-01+00') AT TIME ZONE account.time_zone),
    date_trunc('day', now() AT TIME ZONE account.time_zone),
    interval '1 day'
) AS day
WHERE first.at IS NOT NULL;

COMMENT ON VIEW bi.calendar IS 'Every day of an account from its first conversation or message to today, in the account''s time zone';
COMMENT ON COLUMN bi.calendar.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.calendar.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.calendar.starts_at IS 'When the day begins (UTC)';
COMMENT ON COLUMN bi.calendar.ends_at IS 'When it ends and the next one begins (UTC)';
COMMENT ON COLUMN bi.calendar.year IS 'Year';
COMMENT ON COLUMN bi.calendar.quarter IS 'Quarter, 1 to 4';
COMMENT ON COLUMN bi.calendar.month IS 'Month, 1 to 12';
COMMENT ON COLUMN bi.calendar.iso_year IS 'Year to which the ISO week belongs: the first days of January may be of the last week of the year before';
COMMENT ON COLUMN bi.calendar.iso_week IS 'Week of the ISO year, 1 to 53; it begins on a Monday';
COMMENT ON COLUMN bi.calendar.week_starts_on IS 'First day of the week, as the account has its weeks (`ETL_WEEK_STARTS`)';
COMMENT ON COLUMN bi.calendar.weekday IS '1 is Monday, 7 Sunday';
COMMENT ON COLUMN bi.calendar.weekday_name IS 'Monday to Sunday';
COMMENT ON COLUMN bi.calendar.is_weekend IS 'Whether it is a day of the account''s weekend (`ETL_WEEKEND`)';
COMMENT ON COLUMN bi.calendar.is_holiday IS 'Whether it is a public holiday of a country that the account keeps (`ETL_HOLIDAYS`)';
COMMENT ON COLUMN bi.calendar.holiday IS 'What the holiday is called there; NULL: it is none';
COMMENT ON COLUMN bi.calendar.time_zone IS 'The account''s time zone';
