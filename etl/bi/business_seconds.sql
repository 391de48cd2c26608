-- How long an inbox was open between two moments, by the working hours that it has today.
-- Opening times are local: the night in which the clocks change has an hour less or more, and so have its durations.
CREATE FUNCTION helpdesk.business_seconds(since timestamptz, until timestamptz, time_zone text, working_hours jsonb)
RETURNS bigint LANGUAGE sql STABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(sum(extract(epoch FROM least(until, closes) - greatest(since, opens))), 0)::bigint
    FROM generate_series((since AT TIME ZONE time_zone)::date, (until AT TIME ZONE time_zone)::date, interval '1 day') AS day
    JOIN jsonb_to_recordset(working_hours) AS hours(
        day_of_week int, closed_all_day boolean, open_all_day boolean,
        open_hour int, open_minutes int, close_hour int, close_minutes int
    ) ON hours.day_of_week = extract(dow FROM day) AND hours.closed_all_day IS NOT TRUE
    CROSS JOIN LATERAL (
        SELECT
            (day + CASE WHEN open_all_day THEN interval '0' ELSE make_interval(hours => open_hour, mins => open_minutes) END)
                AT TIME ZONE time_zone AS opens,
            (day + CASE WHEN open_all_day THEN interval '1 day' ELSE make_interval(hours => close_hour, mins => close_minutes) END)
                AT TIME ZONE time_zone AS closes
    ) AS open
    WHERE opens < until AND closes > since
$$;

COMMENT ON FUNCTION helpdesk.business_seconds IS
    'Seconds between two moments in which an inbox with these working hours (as the API sends them) was open';
