-- Whether rows of an account's figures are gone that nothing notes as stale, as after a restore of a part: each conversation
-- has an opening, its sums and events, and what is owed, a reply its wait; each that was ever open a span in which it was.
-- All are asked for an opening, and the oldest and newest for the rest: a table without rows lacks those of both, one that is
-- older than the others those of the newest, whatever else a run has computed since.
-- Whoever may read the tables may ask: commands do, with rights of their own.
CREATE FUNCTION helpdesk.has_lost_figures(account bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ids bigint[];
BEGIN
    IF EXISTS (
        SELECT FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = account
          AND NOT EXISTS (
              SELECT FROM helpdesk.conversation_openings AS opening
              WHERE opening.account_id = account AND opening.conversation_id = conversation.id
          ) AND NOT EXISTS (
              SELECT FROM helpdesk.stale_figures AS stale
              WHERE stale.account_id = account AND stale.conversation_id = conversation.id
          )
    ) THEN
        RETURN true;
    END IF;
    SELECT array_agg(one.id) INTO ids FROM (
        (
            SELECT conversation.id FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = account AND NOT EXISTS (
                SELECT FROM helpdesk.stale_figures AS stale
                WHERE stale.account_id = account AND stale.conversation_id = conversation.id
            )
            ORDER BY conversation.id LIMIT 100
        )
        UNION
        (
            SELECT conversation.id FROM helpdesk.conversations AS conversation
            WHERE conversation.account_id = account AND NOT EXISTS (
                SELECT FROM helpdesk.stale_figures AS stale
                WHERE stale.account_id = account AND stale.conversation_id = conversation.id
            )
            ORDER BY conversation.id DESC LIMIT 100
        )
    ) AS one;
    RETURN EXISTS (
        SELECT FROM unnest(ids) AS conversation (id)
        WHERE NOT EXISTS (
            SELECT FROM helpdesk.conversation_sums AS counted
            WHERE counted.account_id = account AND counted.conversation_id = conversation.id
        ) OR NOT EXISTS (
            SELECT FROM helpdesk.conversation_events AS event
            WHERE event.account_id = account AND event.conversation_id = conversation.id
        )
    ) OR EXISTS (
        SELECT FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversations AS conversation
          ON conversation.account_id = account AND conversation.id = opening.conversation_id
        WHERE opening.account_id = account AND opening.conversation_id = ANY (ids) AND (
            opening.opened_at IS NOT NULL AND NOT EXISTS (
                SELECT FROM helpdesk.obligations AS owed
                WHERE owed.account_id = account AND owed.conversation_id = opening.conversation_id
            )
            OR coalesce(opening.opened_at < opening.resolved_at, true)
            AND (conversation.deleted_at <= opening.opened_at) IS NOT TRUE
            AND NOT EXISTS (
                SELECT FROM helpdesk.open_spans AS span
                WHERE span.account_id = account AND span.conversation_id = opening.conversation_id
            )
        )
    ) OR EXISTS (
        SELECT FROM helpdesk.obligations AS owed
        WHERE owed.account_id = account AND owed.conversation_id = ANY (ids) AND owed.question_message_id IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM helpdesk.customer_waits AS wait
              WHERE wait.account_id = account AND wait.conversation_id = owed.conversation_id
                AND wait.question_message_id = owed.question_message_id
          )
    );
END
$$;

COMMENT ON FUNCTION helpdesk.has_lost_figures(bigint) IS 'Whether figures of an account are gone that are not noted as stale';
