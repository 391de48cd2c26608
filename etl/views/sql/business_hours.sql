-- The inboxes whose working hours are known and switched on. An inbox whose time zone this server knows by no name has none.
CREATE VIEW helpdesk.business_hours AS
SELECT account_id, inbox_id, time_zone, working_hours
FROM (
    SELECT
        account_id,
        id AS inbox_id,
        CASE WHEN working_hours_enabled THEN helpdesk.known_time_zone(timezone) END AS time_zone,
        working_hours
    FROM helpdesk.inboxes
    WHERE CASE WHEN working_hours_enabled THEN helpdesk.are_working_hours(working_hours) END
    OFFSET 0  -- the zone is looked for once an inbox
) AS inbox
WHERE time_zone IS NOT NULL;

COMMENT ON VIEW helpdesk.business_hours IS 'Working hours of the inboxes that have them switched on, in a time zone that is known';
COMMENT ON COLUMN helpdesk.business_hours.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.business_hours.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN helpdesk.business_hours.time_zone IS 'The inbox''s time zone, by the IANA name that this server knows';
COMMENT ON COLUMN helpdesk.business_hours.working_hours IS 'As the API sends them: an array of days with their opening times';
