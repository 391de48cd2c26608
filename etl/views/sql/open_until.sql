-- How long an inbox was open until a moment, from its day of that moment: on all days before, and on this one.
CREATE FUNCTION helpdesk.open_until(moment timestamptz, day helpdesk.inbox_days) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN day.open_before + coalesce(greatest(least(moment, day.closes) - day.opens, interval '0'), interval '0');

COMMENT ON FUNCTION helpdesk.open_until IS 'How long an inbox was open until a moment, since its first day';
