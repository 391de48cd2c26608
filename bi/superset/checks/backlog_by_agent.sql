SELECT
    coalesce(owner, CASE owner_kind WHEN 'bot' THEN 'A bot' WHEN 'agent' THEN 'An agent' END, 'Nobody') AS assigned_to,
    nullif(count(*) FILTER (WHERE status = 'open'), 0) AS "Open",
    nullif(count(*) FILTER (WHERE status = 'pending'), 0) AS "Pending",
    nullif(count(*) FILTER (WHERE status = 'snoozed'), 0) AS "Snoozed"
FROM bi.conversations
WHERE status <> 'resolved' AND NOT is_deleted
GROUP BY 1
