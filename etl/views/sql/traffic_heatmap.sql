CREATE VIEW bi.traffic_heatmap AS
WITH counted AS (
    SELECT day.account_id, day.day, sent.inbox_id, sent.hour, sent.messages AS messages_in, 0 AS opened
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT message.inbox_id, extract(hour FROM message.created_at AT TIME ZONE day.time_zone)::int AS hour, count(*) AS messages
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = day.account_id AND message.direction = 'in'
          AND message.created_at >= day.starts_at AND message.created_at < day.ends_at
        GROUP BY 1, 2
    ) AS sent
    UNION ALL
    SELECT day.account_id, day.day, opened.inbox_id, opened.hour, 0, opened.conversations
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            conversation.inbox_id, extract(hour FROM opening.opened_at AT TIME ZONE day.time_zone)::int AS hour,
            count(*) AS conversations
        FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversations AS conversation
          ON conversation.account_id = opening.account_id AND conversation.id = opening.conversation_id
        WHERE opening.account_id = day.account_id AND opening.opening = 1
          AND opening.opened_at >= day.starts_at AND opening.opened_at < day.ends_at
        GROUP BY 1, 2
    ) AS opened
), summed AS (
    SELECT
        account_id, day, inbox_id, hour, sum(messages_in)::bigint AS messages_in, sum(opened)::bigint AS conversations_opened
    FROM counted
    GROUP BY account_id, day, inbox_id, hour
)
SELECT
    summed.account_id,
    summed.day,
    extract(isodow FROM summed.day)::int AS weekday,
    -- As `timestamp`: a date would become a moment in the session's time zone, in which that day may be missing.
    to_char(summed.day::timestamp, 'FMDay') AS weekday_name,
    summed.hour,
    summed.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    summed.messages_in,
    summed.conversations_opened
FROM summed
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = summed.account_id AND inbox.id = summed.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id;

COMMENT ON VIEW bi.traffic_heatmap IS 'When contacts write: a row a day, hour and inbox';
COMMENT ON COLUMN bi.traffic_heatmap.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.traffic_heatmap.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.traffic_heatmap.weekday IS '1 is Monday, 7 Sunday';
COMMENT ON COLUMN bi.traffic_heatmap.weekday_name IS 'Monday to Sunday';
COMMENT ON COLUMN bi.traffic_heatmap.hour IS 'Hour of the day in the account''s time zone, 0 to 23';
COMMENT ON COLUMN bi.traffic_heatmap.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.traffic_heatmap.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.traffic_heatmap.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.traffic_heatmap.messages_in IS 'Messages from contacts';
COMMENT ON COLUMN bi.traffic_heatmap.conversations_opened IS 'Conversations that began';
