-- Whether rows of an account's figures are gone that nothing notes as stale, as after a restore of a part: each conversation
-- has an opening and sums, each opening an event, a resolution that is owed and a span in which it was open, and what is asked
-- before its first resolution is waited for.
-- Whoever may read the tables may ask: commands do, with rights of their own.
CREATE FUNCTION helpdesk.has_lost_figures(account bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = account
          AND NOT EXISTS (
              SELECT FROM helpdesk.conversation_openings AS opening
              WHERE opening.account_id = account AND opening.conversation_id = conversation.id
          ) AND NOT EXISTS (
              SELECT FROM helpdesk.stale_figures AS stale
              WHERE stale.account_id = account AND stale.conversation_id = conversation.id
          )
    ) OR NOT EXISTS (SELECT FROM helpdesk.stale_figures AS stale WHERE stale.account_id = account) AND (
        EXISTS (SELECT FROM helpdesk.conversation_openings AS opening WHERE opening.account_id = account)
        AND NOT EXISTS (SELECT FROM helpdesk.conversation_events AS event WHERE event.account_id = account)
        OR NOT EXISTS (SELECT FROM helpdesk.conversation_sums AS counted WHERE counted.account_id = account)
        AND EXISTS (SELECT FROM helpdesk.conversations AS conversation WHERE conversation.account_id = account)
        OR NOT EXISTS (SELECT FROM helpdesk.obligations AS owed WHERE owed.account_id = account)
        AND EXISTS (
            SELECT FROM helpdesk.conversation_openings AS opening WHERE opening.account_id = account AND opening.opened_at IS NOT NULL
        )
        OR NOT EXISTS (SELECT FROM helpdesk.open_spans AS span WHERE span.account_id = account)
        AND EXISTS (
            SELECT FROM helpdesk.conversation_openings AS opening
            WHERE opening.account_id = account AND coalesce(opening.opened_at < opening.resolved_at, true)
              AND NOT EXISTS (
                  SELECT FROM helpdesk.conversations AS conversation
                  WHERE conversation.account_id = account AND conversation.id = opening.conversation_id
                    AND conversation.deleted_at <= opening.opened_at
              )
        )
        OR NOT EXISTS (SELECT FROM helpdesk.customer_waits AS wait WHERE wait.account_id = account)
        AND EXISTS (
            SELECT FROM helpdesk.conversation_openings AS opening
            JOIN helpdesk.message_kinds AS message
              ON message.account_id = account AND message.conversation_id = opening.conversation_id
            WHERE opening.account_id = account AND opening.opening = 1 AND message.is_question
              AND (opening.resolved_at IS NULL OR message.created_at < opening.resolved_at)
        )
    );
END
$$;

COMMENT ON FUNCTION helpdesk.has_lost_figures(bigint) IS 'Whether figures of an account are gone that are not noted as stale';
