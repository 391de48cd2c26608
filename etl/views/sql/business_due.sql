-- When an inbox will have been open for so long since its first day: the inverse of open_until. last is the first day by whose
-- end it has been (its open_before and hours reach that).
CREATE FUNCTION helpdesk.business_due(open_for interval, last helpdesk.inbox_days) RETURNS timestamptz
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    -- In seconds: a day added to a time would be one of the session's time zone, of 23 or 25 hours in some nights.
    RETURN last.opens + make_interval(secs => extract(epoch FROM open_for - last.open_before)::double precision);

COMMENT ON FUNCTION helpdesk.business_due IS 'When an inbox will have been open for so long, from the first day by whose end it has';
