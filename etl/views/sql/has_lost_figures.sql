-- Whether rows of an account's figures are gone that nothing notes as stale, as after a restore of a part or of an older state:
-- each conversation has an opening and sums, each opening an event, something that is owed and a span in which it was open,
-- and each reply that is owed its wait. One by one: a run that has just computed some hides that all others are gone.
-- Whoever may read the tables may ask: commands do, with rights of their own.
CREATE FUNCTION helpdesk.has_lost_figures(account bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM (
            SELECT conversation.id AS conversation_id
            FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = account AND NOT EXISTS (
                SELECT FROM helpdesk.conversation_openings AS opening
                WHERE opening.account_id = account AND opening.conversation_id = conversation.id AND opening.opening = 1
            )
            UNION ALL
            SELECT conversation.id
            FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = account AND NOT EXISTS (
                SELECT FROM helpdesk.conversation_sums AS counted
                WHERE counted.account_id = account AND counted.conversation_id = conversation.id
            )
            UNION ALL
            SELECT opening.conversation_id
            FROM helpdesk.conversation_openings AS opening
            WHERE opening.account_id = account AND NOT EXISTS (
                SELECT FROM helpdesk.conversation_events AS event
                WHERE event.account_id = account AND event.conversation_id = opening.conversation_id AND event.number = 1
            )
            UNION ALL
            SELECT opening.conversation_id
            FROM helpdesk.conversation_openings AS opening
            WHERE opening.account_id = account AND opening.opened_at IS NOT NULL AND NOT EXISTS (
                SELECT FROM helpdesk.obligations AS owed
                WHERE owed.account_id = account AND owed.conversation_id = opening.conversation_id AND owed.number = 1
            )
            UNION ALL
            SELECT opening.conversation_id
            FROM helpdesk.conversation_openings AS opening
            JOIN helpdesk.conversations AS conversation
              ON conversation.account_id = account AND conversation.id = opening.conversation_id
            WHERE opening.account_id = account AND coalesce(opening.opened_at < opening.resolved_at, true)
              AND (conversation.deleted_at <= opening.opened_at) IS NOT TRUE AND NOT EXISTS (
                  SELECT FROM helpdesk.open_spans AS span
                  WHERE span.account_id = account AND span.conversation_id = opening.conversation_id AND span.number = 1
              )
            UNION ALL
            SELECT owed.conversation_id
            FROM helpdesk.obligations AS owed
            WHERE owed.account_id = account AND owed.question_message_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM helpdesk.customer_waits AS wait
                WHERE wait.account_id = account AND wait.conversation_id = owed.conversation_id
                  AND wait.question_message_id = owed.question_message_id
            )
        ) AS lacking
        WHERE NOT EXISTS (
            SELECT FROM helpdesk.stale_figures AS stale
            WHERE stale.account_id = account AND stale.conversation_id = lacking.conversation_id
        )
    );
END
$$;

COMMENT ON FUNCTION helpdesk.has_lost_figures(bigint) IS 'Whether figures of an account are gone that are not noted as stale';
