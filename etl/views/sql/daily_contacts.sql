-- Of the contacts whose conversations began on a day: found by the indexes on time, and each one's earlier ones by its own.
CREATE VIEW bi.daily_contacts AS
SELECT
    day.account_id,
    day.day,
    came.contacts,
    came.contacts - came.returning_contacts AS new_contacts,
    came.returning_contacts,
    came.conversations_opened
FROM bi.calendar AS day
CROSS JOIN LATERAL (
    SELECT
        count(contact.contact_id) AS contacts,
        count(*) FILTER (WHERE contact.contact_id IS NOT NULL AND EXISTS (
            SELECT FROM helpdesk.conversations AS earlier
            JOIN helpdesk.conversation_openings AS begun
              ON begun.account_id = earlier.account_id AND begun.conversation_id = earlier.id AND begun.opening = 1
            WHERE earlier.account_id = day.account_id AND earlier.contact_id = contact.contact_id
              AND begun.opened_at < day.starts_at
        )) AS returning_contacts,
        sum(contact.conversations)::bigint AS conversations_opened
    FROM (
        SELECT conversation.contact_id, count(*) AS conversations
        FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversations AS conversation
          ON conversation.account_id = opening.account_id AND conversation.id = opening.conversation_id
        WHERE opening.account_id = day.account_id AND opening.opening = 1
          AND opening.opened_at >= day.starts_at AND opening.opened_at < day.ends_at
        GROUP BY conversation.contact_id
    ) AS contact
    HAVING count(*) > 0
) AS came;

COMMENT ON VIEW bi.daily_contacts IS 'Who began conversations: a row a day on which any began';
COMMENT ON COLUMN bi.daily_contacts.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_contacts.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.daily_contacts.contacts IS 'Different contacts whose conversations began on it; over several days they cannot be summed';
COMMENT ON COLUMN bi.daily_contacts.new_contacts IS 'Those of them without a conversation that began on an earlier day';
COMMENT ON COLUMN bi.daily_contacts.returning_contacts IS 'Those of them with one that began on an earlier day';
COMMENT ON COLUMN bi.daily_contacts.conversations_opened IS 'Conversations that began, those without a contact included';
