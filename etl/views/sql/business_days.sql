-- The opening times of each inbox day by day, with the seconds that it was open before: how long it was open between two
-- moments is then a difference, and no day in between has to be looked at.
-- A public holiday of the account has none. write_inbox_days.sql writes them down, those of the next months, too: what is due
-- then.
-- Opening times are local: the night in which the clocks change has an hour less or more, and so have its durations.
CREATE VIEW helpdesk.business_days AS
WITH days AS (
    SELECT DISTINCT ON (inbox.account_id, inbox.inbox_id, day)
        inbox.account_id, inbox.inbox_id, day::date AS day, day AT TIME ZONE inbox.time_zone AS starts_at, opens, greatest(opens, closes) AS closes
    FROM helpdesk.business_hours AS inbox
    -- Local days as `timestamp`: a series of dates would be of `timestamptz`, in the session's time zone.
    CROSS JOIN LATERAL (
        SELECT least(
            (SELECT min(created_at) FROM helpdesk.conversations WHERE account_id = inbox.account_id),
            (SELECT min(created_at) FROM helpdesk.message_kinds WHERE account_id = inbox.account_id)
        ) AT TIME ZONE inbox.time_zone AS at
    ) AS first
    CROSS JOIN LATERAL generate_series(
        date_trunc('day', greatest(first.at, '1970-01-01')), (now() + interval '92 days') AT TIME ZONE inbox.time_zone, interval '1 day'
    ) AS day
    LEFT JOIN LATERAL jsonb_to_recordset(inbox.working_hours) AS hours(
        day_of_week numeric, closed_all_day text, open_all_day text,
        open_hour text, open_minutes text, close_hour text, close_minutes text
    ) ON hours.day_of_week = extract(dow FROM day) AND hours.closed_all_day IS DISTINCT FROM 'true'
        AND NOT EXISTS (SELECT FROM helpdesk.holidays AS holiday WHERE holiday.account_id = inbox.account_id AND holiday.day = day.day::date)
    CROSS JOIN LATERAL (
        SELECT
            (day + CASE open_all_day WHEN 'true' THEN interval '0' ELSE open_hour::float * interval '1 hour'
                + open_minutes::float * interval '1 minute' END) AT TIME ZONE inbox.time_zone AS opens,
            (day + CASE open_all_day WHEN 'true' THEN interval '1 day' ELSE close_hour::float * interval '1 hour'
                + close_minutes::float * interval '1 minute' END) AT TIME ZONE inbox.time_zone AS closes
    ) AS open
    WHERE first.at IS NOT NULL
    ORDER BY inbox.account_id, inbox.inbox_id, day, opens
)
SELECT
    account_id,
    inbox_id,
    day,
    starts_at,
    opens,
    closes,
    coalesce(sum(closes - opens) OVER (
        PARTITION BY account_id, inbox_id ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), interval '0') AS open_before
FROM days;

COMMENT ON VIEW helpdesk.business_days IS 'When each inbox that has working hours was open, day by day';
COMMENT ON COLUMN helpdesk.business_days.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.business_days.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN helpdesk.business_days.day IS 'Day in the inbox''s time zone';
COMMENT ON COLUMN helpdesk.business_days.starts_at IS 'When the day begins there (UTC)';
COMMENT ON COLUMN helpdesk.business_days.opens IS 'When it opened (UTC); NULL: it was closed all day';
COMMENT ON COLUMN helpdesk.business_days.closes IS 'When it closed (UTC)';
COMMENT ON COLUMN helpdesk.business_days.open_before IS 'How long it was open on all days before';
