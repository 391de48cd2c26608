-- Computes the materialised views anew. With the rights of their owner, as PostgreSQL lets nobody else refresh them, and the
-- user of a nightly run need not be the one who migrates. It stays when the views are made anew, and so do its grants.
-- Nothing of it is the caller's: neither where names are looked for nor the time zone.
-- Every row of every history is wanted, which the planner takes for few, and would look up one by one. Servers before 18
-- count what is switched off as so dear that they would compile each statement for seconds (jit).
CREATE OR REPLACE FUNCTION helpdesk.refresh_figures() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC' SET enable_nestloop = off SET jit = off AS $$
BEGIN
    REFRESH MATERIALIZED VIEW CONCURRENTLY helpdesk.conversation_openings;
    ANALYZE helpdesk.conversation_openings;
    REFRESH MATERIALIZED VIEW CONCURRENTLY helpdesk.customer_waits;
    ANALYZE helpdesk.customer_waits;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.refresh_figures() FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.refresh_figures() IS 'Computes conversation_openings and customer_waits anew; called at the end of a run';
