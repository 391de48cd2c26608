-- Whether a contact was muted (blocked) when writing a message, so that it reopened nothing. When somebody was muted is known
-- as the runs saw it: the run before saw it, or the next one did and no activity lies in between, as muting leaves one.
-- A run that saw it at the moment itself came after the message: what is dated ahead was written when it was first seen, at
-- the latest.
CREATE FUNCTION helpdesk.is_muted(account bigint, conversation bigint, written_at timestamptz) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    next record;
BEGIN
    IF EXISTS (
        SELECT FROM helpdesk.conversation_states AS state
        WHERE state.account_id = account AND state.conversation_id = conversation AND state.muted
          AND state.valid_from < written_at AND (state.valid_to IS NULL OR state.valid_to >= written_at)
    ) THEN
        RETURN true;
    END IF;
    SELECT state.muted, state.valid_from INTO next FROM helpdesk.conversation_states AS state
    WHERE state.account_id = account AND state.conversation_id = conversation AND state.valid_from >= written_at
    ORDER BY state.valid_from LIMIT 1;
    IF NOT FOUND THEN
        SELECT held.muted, NULL::timestamptz AS valid_from INTO next FROM helpdesk.conversations AS held
        WHERE held.account_id = account AND held.id = conversation;
    END IF;
    RETURN coalesce(next.muted, false) AND NOT EXISTS (
        SELECT FROM helpdesk.message_kinds AS activity
        WHERE activity.account_id = account AND activity.conversation_id = conversation
          AND activity.message_type = 'activity' AND activity.created_at >= written_at
          AND (next.valid_from IS NULL OR activity.created_at <= next.valid_from)
    ) AND NOT EXISTS (
        -- A run that ended after the message and found it unmuted, as before: who is blocked on the contact's page leaves no
        -- activity. It may have looked before the message, but the block is likelier one of the hours until the next run.
        SELECT FROM helpdesk.whole_runs AS run
        JOIN helpdesk.conversation_states AS state
          ON state.account_id = account AND state.conversation_id = conversation AND state.muted IS NOT TRUE
         AND state.valid_from <= run.started_at AND state.valid_to > run.finished_at
        WHERE run.account_id = account AND run.has_seen_all
          AND run.finished_at >= written_at AND run.finished_at < next.valid_from
          AND NOT run.unseen ? conversation::text
    );
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.is_muted(bigint, bigint, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.is_muted(bigint, bigint, timestamptz) IS 'Whether a contact was muted when writing a message';
