-- The inboxes whose working hours are known and switched on. A time zone that PostgreSQL does not know, or an hour that is
-- no number, would make every view fail that uses it, so such an inbox has none.
-- The names of the zones are files, which take long to read. Within CASE they are read only where an inbox has such hours,
-- and then once for all inboxes: a join would read them first.
CREATE VIEW helpdesk.business_hours AS
SELECT inbox.account_id, inbox.id AS inbox_id, inbox.timezone AS time_zone, inbox.working_hours
FROM helpdesk.inboxes AS inbox
WHERE CASE WHEN inbox.working_hours_enabled THEN inbox.timezone IN (SELECT name FROM pg_catalog.pg_timezone_names) END
  AND CASE jsonb_typeof(inbox.working_hours) WHEN 'array' THEN jsonb_array_length(inbox.working_hours) END = NULLIF(
      jsonb_array_length(jsonb_path_query_array(
          inbox.working_hours,
          'strict $[*] ? (@.day_of_week >= 0 && @.day_of_week <= 6 && (
              @.closed_all_day == true || @.open_all_day == true
              || @.open_hour >= 0 && @.open_hour <= 24 && @.open_minutes >= 0 && @.open_minutes < 60
              && @.close_hour >= 0 && @.close_hour <= 24 && @.close_minutes >= 0 && @.close_minutes < 60
          ))',
          silent => true
      )),
      0
  );

COMMENT ON VIEW helpdesk.business_hours IS 'Working hours of the inboxes that have them switched on, in a time zone that is known';
COMMENT ON COLUMN helpdesk.business_hours.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.business_hours.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN helpdesk.business_hours.time_zone IS 'The inbox''s time zone, an IANA name';
COMMENT ON COLUMN helpdesk.business_hours.working_hours IS 'As the API sends them: an array of days with their opening times';
