CREATE VIEW bi.daily_labels AS
WITH counted AS (
    SELECT day.account_id, day.day, opened.label, opened.conversations AS opened, 0 AS resolved
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT label.label, count(*) AS conversations
        FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversation_labels AS label
          ON label.account_id = opening.account_id AND label.conversation_id = opening.conversation_id
        WHERE opening.account_id = day.account_id AND opening.opening = 1
          AND opening.opened_at >= day.starts_at AND opening.opened_at < day.ends_at
        GROUP BY label.label
    ) AS opened
    UNION ALL
    SELECT day.account_id, day.day, resolved.label, 0, resolved.conversations
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT label.label, count(*) AS conversations
        FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversation_labels AS label
          ON label.account_id = opening.account_id AND label.conversation_id = opening.conversation_id
        WHERE opening.account_id = day.account_id
          AND opening.resolved_at >= day.starts_at AND opening.resolved_at < day.ends_at
        GROUP BY label.label
    ) AS resolved
)
SELECT
    account_id,
    day,
    label,
    sum(opened)::bigint AS conversations_opened,
    sum(resolved)::bigint AS conversations_resolved
FROM counted
GROUP BY account_id, day, label;

COMMENT ON VIEW bi.daily_labels IS 'Conversations by label: a row a day and label';
COMMENT ON COLUMN bi.daily_labels.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_labels.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.daily_labels.label IS 'Label that the conversation has now';
COMMENT ON COLUMN bi.daily_labels.conversations_opened IS 'Conversations with the label that began';
COMMENT ON COLUMN bi.daily_labels.conversations_resolved IS 'Times a conversation with the label was resolved';
