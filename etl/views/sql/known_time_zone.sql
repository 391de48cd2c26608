-- The name by which this server knows a time zone: its own, else that of today, else another old one; NULL where it knows
-- none. Tried name by name, as the server's list of names is made of all of its files, which takes long.
-- What is no name of a zone but could be read as one, such as `Berlin-1`, is none. A name that PostgreSQL takes for an
-- abbreviation, such as CET, comes last: that has no summer time.
CREATE OR REPLACE FUNCTION helpdesk.known_time_zone(wanted text) RETURNS text
LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    candidate text;
BEGIN
    FOR candidate IN
        WITH link AS (
            SELECT links.today, links.names FROM helpdesk.time_zone_links() AS links WHERE wanted = links.today OR wanted = ANY (links.names)
        ), one AS (
            SELECT wanted AS name, 1 AS place WHERE wanted ~ '^([A-Z][A-Za-z_-]*/)+[A-Z][A-Za-z_-]*$' OR wanted ~ '^Etc/GMT[+-]?\d{1,2}$'
                OR wanted IN ('EST5EDT', 'CST6CDT', 'MST7MDT', 'PST8PDT')
                OR EXISTS (SELECT FROM link)
            UNION ALL SELECT link.today, 2 FROM link
            UNION ALL SELECT other.name, 3 FROM link CROSS JOIN unnest(link.names) AS other (name)
        )
        SELECT one.name FROM one
        ORDER BY one.name !~ '/' AND wanted NOT IN ('UTC', 'GMT') AND upper(one.name) IN (SELECT abbrev FROM pg_timezone_abbrevs),
            one.place, one.name
    LOOP
        BEGIN
            PERFORM now() AT TIME ZONE candidate;
            RETURN candidate;
        EXCEPTION WHEN invalid_parameter_value THEN
            NULL;  -- the next one
        END;
    END LOOP;
    RETURN NULL;
END
$$;

COMMENT ON FUNCTION helpdesk.known_time_zone(text) IS 'The name by which this server knows a time zone; NULL: none';
