-- The inboxes whose working hours are known and switched on. A time zone that PostgreSQL does not know would make every
-- view fail that uses it, so such an inbox has none.
CREATE VIEW helpdesk.business_hours AS
SELECT inbox.account_id, inbox.id AS inbox_id, inbox.timezone AS time_zone, inbox.working_hours
FROM helpdesk.inboxes AS inbox
WHERE inbox.working_hours_enabled
  AND jsonb_typeof(inbox.working_hours) = 'array'
  AND inbox.timezone IN (SELECT name FROM pg_catalog.pg_timezone_names);

COMMENT ON VIEW helpdesk.business_hours IS 'Working hours of the inboxes that have them switched on, in a time zone that is known';
COMMENT ON COLUMN helpdesk.business_hours.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.business_hours.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN helpdesk.business_hours.time_zone IS 'The inbox''s time zone, an IANA name';
COMMENT ON COLUMN helpdesk.business_hours.working_hours IS 'As the API sends them: an array of days with their opening times';
