-- When an inbox has been open for so many seconds since a moment: the inverse of business_seconds, from the inbox's day of
-- that moment and the first day by whose end the seconds have passed (its open_before and hours reach what is needed).
CREATE FUNCTION helpdesk.business_due(
    since timestamptz, first helpdesk.inbox_days, seconds bigint, last helpdesk.inbox_days
) RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE
    -- In seconds: a day added to a time would be one of the session's time zone, of 23 or 25 hours in some nights.
    RETURN last.opens + make_interval(secs => (
        extract(epoch FROM helpdesk.open_until(since, first) - last.open_before) + seconds
    )::double precision);

COMMENT ON FUNCTION helpdesk.business_due IS 'When an inbox has been open for so many seconds since a moment, from its days of both';
