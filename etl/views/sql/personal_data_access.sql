-- One set of views serves everybody. Who is named by `etl grant --with-personal-data`, or owns the tables, sees personal
-- data in them; for others these columns are masked. `current_user` is who asks, also within a view. Who may see them can
-- ask not to, as `etl export` does: SET etl.personal_data = 'masked'. That setting takes away, and gives nothing.
CREATE VIEW helpdesk.personal_data_access AS
SELECT
    current_setting('etl.personal_data', true) IS DISTINCT FROM 'masked'
    AND (
        pg_has_role(current_user, tables.relowner, 'USAGE')
        OR EXISTS (
            SELECT FROM helpdesk.personal_data_readers AS reader
            JOIN pg_catalog.pg_roles AS role ON role.rolname = reader.role_name
            WHERE pg_has_role(current_user, role.oid, 'MEMBER')
        )
    ) AS allowed
FROM pg_catalog.pg_class AS tables
WHERE tables.oid = 'helpdesk.contacts'::regclass;

COMMENT ON VIEW helpdesk.personal_data_access IS 'Whether who asks may see personal data: one row';
COMMENT ON COLUMN helpdesk.personal_data_access.allowed IS 'Whether the current user may';
