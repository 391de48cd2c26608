-- How long an inbox was open between two moments, by the working hours that it has today.
-- Opening times are local: the night in which the clocks change has an hour less or more, and so have its durations.
CREATE FUNCTION helpdesk.business_seconds(since timestamptz, until timestamptz, time_zone text, working_hours jsonb)
RETURNS bigint LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(sum(extract(epoch FROM least(until, closes) - greatest(since, opens))), 0)::bigint
    -- Local days as `timestamp`: a series of dates would be of `timestamptz`, in the session's time zone.
    FROM generate_series(date_trunc('day', since AT TIME ZONE time_zone), until AT TIME ZONE time_zone, interval '1 day') AS day
    JOIN jsonb_to_recordset(working_hours) AS hours(
        day_of_week numeric, closed_all_day text, open_all_day text,
        open_hour text, open_minutes text, close_hour text, close_minutes text
    ) ON hours.day_of_week = extract(dow FROM day) AND hours.closed_all_day IS DISTINCT FROM 'true'
    CROSS JOIN LATERAL (
        SELECT
            (day + CASE open_all_day WHEN 'true' THEN interval '0' ELSE open_hour::float * interval '1 hour'
                + open_minutes::float * interval '1 minute' END) AT TIME ZONE time_zone AS opens,
            (day + CASE open_all_day WHEN 'true' THEN interval '1 day' ELSE close_hour::float * interval '1 hour'
                + close_minutes::float * interval '1 minute' END) AT TIME ZONE time_zone AS closes
    ) AS open
    WHERE opens < closes AND greatest(since, opens) < least(until, closes)
$$;

COMMENT ON FUNCTION helpdesk.business_seconds IS
    'Seconds between two moments in which an inbox with these working hours (as the API sends them) was open';
