-- Marks all conversations of an account, those that are gone and have figures included, to be computed anew.
CREATE FUNCTION helpdesk.mark_all_stale(account bigint) RETURNS void
LANGUAGE sql BEGIN ATOMIC
    INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
    SELECT account_id, id FROM helpdesk.conversations WHERE account_id = account
    UNION SELECT account_id, conversation_id FROM helpdesk.conversation_openings WHERE account_id = account
    UNION SELECT account_id, conversation_id FROM helpdesk.customer_waits WHERE account_id = account
    UNION SELECT account_id, conversation_id FROM helpdesk.conversation_events WHERE account_id = account
    UNION SELECT account_id, conversation_id FROM helpdesk.open_spans WHERE account_id = account
    UNION SELECT account_id, conversation_id FROM helpdesk.obligations WHERE account_id = account
    UNION SELECT account_id, conversation_id FROM helpdesk.conversation_sums WHERE account_id = account
    ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
END;

REVOKE EXECUTE ON FUNCTION helpdesk.mark_all_stale(bigint) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.mark_all_stale(bigint) IS 'Marks all conversations of an account to be computed anew';
