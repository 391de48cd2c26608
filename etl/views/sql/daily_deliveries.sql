-- A day is read with the 24 hours before it, in which the contact's last message may lie.
CREATE VIEW bi.daily_deliveries AS
WITH sent AS (
    SELECT day.account_id, day.day, message.*
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            written.inbox_id, written.status, written.author_kind, written.is_within_24_hours,
            CASE WHEN written.is_failed AND jsonb_typeof(written.content_attributes) = 'object'
                THEN nullif(written.content_attributes ->> 'external_error', '')
            END AS error,
            nullif(written.additional_attributes #>> '{template_params,name}', '') AS template,
            count(*) AS messages,
            count(*) FILTER (WHERE written.is_human_reply) AS replies
        FROM (
            SELECT
                message.created_at, message.inbox_id, message.status, message.author_kind, message.direction,
                message.is_failed, message.is_human_reply, message.content_attributes, message.additional_attributes,
                coalesce(message.created_at - max(message.created_at) FILTER (WHERE message.direction = 'in') OVER (
                    PARTITION BY message.conversation_id ORDER BY message.created_at, message.id
                ) <= interval '24 hours', false) AS is_within_24_hours
            FROM helpdesk.message_kinds AS message
            WHERE message.account_id = day.account_id AND message.direction IN ('in', 'out')
              AND message.created_at >= day.starts_at - interval '24 hours' AND message.created_at < day.ends_at
        ) AS written
        WHERE written.direction = 'out' AND written.created_at >= day.starts_at
        GROUP BY 1, 2, 3, 4, 5, 6
    ) AS message
), shown AS (
    -- What the channel says may quote a number or an address.
    SELECT
        account_id, day, inbox_id, template, author_kind, status, is_within_24_hours,
        substring(error FROM '^\s*([0-9]{1,6})\M') AS error_code,
        CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN error END AS error,
        sum(messages)::bigint AS messages, sum(replies)::bigint AS replies
    FROM sent
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9
)
SELECT
    shown.account_id,
    shown.day,
    shown.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    shown.template,
    shown.author_kind,
    shown.status,
    shown.error_code,
    shown.error,
    shown.is_within_24_hours,
    shown.messages,
    shown.replies
FROM shown
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = shown.account_id AND inbox.id = shown.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id;

COMMENT ON VIEW bi.daily_deliveries IS 'What became of messages to contacts, failed ones included: a row a day, inbox, template, author, status, error and window';
COMMENT ON COLUMN bi.daily_deliveries.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_deliveries.day IS 'Day in the account''s time zone on which they were written';
COMMENT ON COLUMN bi.daily_deliveries.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.daily_deliveries.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.daily_deliveries.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.daily_deliveries.template IS 'Name of the channel''s template; NULL: none, or not told, as histories do not tell it';
COMMENT ON COLUMN bi.daily_deliveries.author_kind IS 'agent, bot or system; NULL: the vendor does not tell';
COMMENT ON COLUMN bi.daily_deliveries.status IS 'sent, delivered, read, failed, as last read';
COMMENT ON COLUMN bi.daily_deliveries.error_code IS 'Of failed ones: the number that the channel''s error begins with; NULL: none is told';
COMMENT ON COLUMN bi.daily_deliveries.error IS 'Of failed ones: the channel''s error; NULL: none is told, or for who may not see personal data';
COMMENT ON COLUMN bi.daily_deliveries.is_within_24_hours IS 'Whether the contact had written in the same conversation within the 24 hours before';
COMMENT ON COLUMN bi.daily_deliveries.messages IS 'Messages to contacts, failed ones included';
COMMENT ON COLUMN bi.daily_deliveries.replies IS 'Those of them that people wrote, and that did not fail';
