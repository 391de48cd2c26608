-- Writes the opening hours of an account's inboxes day by day, and marks what has to be computed anew for it: where a day
-- that was there has other hours now, or had none and has some, all conversations that are or were in the inbox. Days that come with time,
-- or before the first one, change no seconds of others.
CREATE FUNCTION helpdesk.write_inbox_days(account bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    WITH now AS MATERIALIZED (
        SELECT account_id, inbox_id, starts_at, day, opens, closes, open_before
        FROM helpdesk.business_days WHERE business_days.account_id = account
    ), was AS MATERIALIZED (
        SELECT * FROM helpdesk.inbox_days WHERE inbox_days.account_id = account
    ), changed AS (
        SELECT was.inbox_id FROM was LEFT JOIN now USING (inbox_id, starts_at)
        WHERE now.starts_at IS NULL OR (was.opens, was.closes) IS DISTINCT FROM (now.opens, now.closes)
        UNION
        SELECT now.inbox_id FROM now WHERE NOT EXISTS (SELECT FROM was WHERE was.inbox_id = now.inbox_id)
    ), marked AS (
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT conversation.account_id, conversation.id
        FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = account AND conversation.inbox_id IN (SELECT inbox_id FROM changed)
        UNION
        -- In which they were then.
        SELECT owed.account_id, owed.conversation_id
        FROM helpdesk.obligations AS owed
        WHERE owed.account_id = account AND owed.inbox_id IN (SELECT inbox_id FROM changed)
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING
    ), gone AS (
        DELETE FROM helpdesk.inbox_days
        WHERE inbox_days.account_id = account AND NOT EXISTS (
            SELECT FROM now WHERE now.inbox_id = inbox_days.inbox_id AND now.starts_at = inbox_days.starts_at
        )
    )
    INSERT INTO helpdesk.inbox_days AS stored (account_id, inbox_id, starts_at, day, opens, closes, open_before)
    SELECT now.account_id, now.inbox_id, now.starts_at, now.day, now.opens, now.closes, now.open_before
    FROM now
    LEFT JOIN was USING (inbox_id, starts_at)
    WHERE (was.day, was.opens, was.closes, was.open_before) IS DISTINCT FROM (now.day, now.opens, now.closes, now.open_before)
    ON CONFLICT (account_id, inbox_id, starts_at) DO UPDATE
        SET day = excluded.day, opens = excluded.opens, closes = excluded.closes, open_before = excluded.open_before;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_inbox_days(bigint) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_inbox_days(bigint) IS 'Writes the opening hours of the inboxes day by day, and marks what follows from a change';
