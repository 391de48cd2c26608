-- How long an inbox was open between two moments, from its days of both: what it was open until the later one,
-- less what it was open until the earlier one. Without a day there are no working hours, and nothing is known.
-- Not as a text: what its operators mean is settled when it is made, and not by the search_path of who calls it.
CREATE FUNCTION helpdesk.business_seconds(
    since timestamptz, first helpdesk.inbox_days, until timestamptz, last helpdesk.inbox_days
) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN first.day IS NOT NULL AND last.day IS NOT NULL THEN
        greatest(0, extract(epoch FROM helpdesk.open_until(until, last) - helpdesk.open_until(since, first)))::bigint
    END;

COMMENT ON FUNCTION helpdesk.business_seconds IS 'Seconds between two moments in which an inbox was open, from its days of both';
