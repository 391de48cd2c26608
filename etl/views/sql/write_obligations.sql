-- Writes what contacts are owed anew, with what was true when it began and how long the inbox was open until it ended: a target
-- compares only. Its day is that of the account's time zone: refresh_figures.sql computes everything anew when that changes.
CREATE FUNCTION helpdesk.write_obligations(account bigint, ids bigint[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM helpdesk.obligations AS old WHERE old.account_id = account AND old.conversation_id = ANY(ids);
    INSERT INTO helpdesk.obligations (
        account_id, conversation_id, number, what, opening, question_message_id, since, began_on, was_since_earlier, is_known,
        ended_by, ended_at, ended_not_before, ended_not_after, business_seconds, agent_id,
        is_inbox_known, inbox_id, inbox_day_starts_at, is_team_known, team_id, is_priority_known, priority,
        are_labels_known, labels, deleted_at
    )
    SELECT
        account, owed.conversation_id,
        row_number() OVER (
            PARTITION BY owed.conversation_id ORDER BY owed.since, owed.what, owed.opening, owed.question_message_id
        ),
        owed.what, owed.opening, owed.question_message_id, owed.since, owed.began_on, owed.was_since_earlier, owed.is_known,
        owed.ended_by, owed.ended_at, owed.ended_not_before, owed.ended_not_after,
        helpdesk.business_seconds(owed.since, first, owed.ended_at, last), owed.agent_id,
        owed.is_inbox_known, owed.inbox_id, first.starts_at, owed.is_team_known, owed.team_id, owed.is_priority_known, owed.priority,
        owed.are_labels_known, owed.labels, owed.deleted_at
    FROM helpdesk.owed_then AS owed
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE owed.is_inbox_known AND day.account_id = account AND day.inbox_id = owed.inbox_id AND day.starts_at <= owed.since
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS first ON true
    LEFT JOIN LATERAL (
        SELECT day.* FROM helpdesk.inbox_days AS day
        WHERE owed.is_inbox_known AND day.account_id = account AND day.inbox_id = owed.inbox_id AND day.starts_at <= owed.ended_at
        ORDER BY day.starts_at DESC LIMIT 1
    ) AS last ON true
    WHERE owed.account_id = account AND owed.conversation_id = ANY(ids) AND owed.since IS NOT NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.write_obligations(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.write_obligations(bigint, bigint[]) IS 'Writes what contacts are owed anew';
