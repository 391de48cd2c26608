-- From the waits themselves: one that goes on is its conversation's last one.
SELECT
    '<a href="' || wait.conversation_url || '" target="_blank">' || wait.conversation_id || '</a>' AS conversation,
    conversation.contact_name,
    wait.inbox,
    coalesce(conversation.owner, CASE conversation.owner_kind WHEN 'bot' THEN 'A bot' WHEN 'agent' THEN 'An agent' END, 'Nobody')
        AS assigned_to,
    initcap(conversation.status) AS state,
    wait.waiting_since,
    extract(epoch FROM now() - wait.waiting_since) / 3600 AS hours_waiting
FROM bi.reply_times AS wait
JOIN bi.conversations AS conversation USING (account_id, conversation_id)
WHERE wait.is_waiting AND NOT wait.is_deleted
ORDER BY wait.waiting_since
LIMIT 100
