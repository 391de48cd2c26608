CREATE VIEW bi.contacts AS
SELECT
    contact.account_id,
    contact.id AS contact_id,
    CASE
        WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.name ELSE 'Contact ' || contact.id
    END AS contact_name,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.email END AS contact_email,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.phone_number END AS contact_phone,
    least(contact.created_at, held.first_at) AS first_seen_at,
    (least(contact.created_at, held.first_at) AT TIME ZONE account.time_zone)::date AS first_seen_on,
    contact.last_activity_at AS last_seen_at,
    held.conversations,
    held.conversations > 1 AS is_returning,
    contact.blocked AS is_blocked,
    contact.deleted_at IS NOT NULL AS is_deleted,
    contact.merged_into
FROM helpdesk.contacts AS contact
LEFT JOIN helpdesk.accounts AS account ON account.account_id = contact.account_id
LEFT JOIN LATERAL (
    SELECT
        count(*) AS conversations,
        min(least(conversation.created_at, conversation.first_synced_at)) AS first_at
    FROM helpdesk.conversations AS conversation
    WHERE conversation.account_id = contact.account_id AND conversation.contact_id = contact.id
) AS held ON true;

COMMENT ON VIEW bi.contacts IS 'One row a contact: since when, and how often; those without a conversation, too, unless ETL_CONTACTS is seen';
COMMENT ON COLUMN bi.contacts.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.contacts.contact_id IS 'Number of the contact';
COMMENT ON COLUMN bi.contacts.contact_name IS 'Name of the contact; ''Contact 17'' for who may not see personal data';
COMMENT ON COLUMN bi.contacts.contact_email IS 'E-mail address; NULL for who may not see personal data';
COMMENT ON COLUMN bi.contacts.contact_phone IS 'Phone number; NULL for who may not see personal data';
COMMENT ON COLUMN bi.contacts.first_seen_at IS 'When the contact was created, or the first conversation began (UTC)';
COMMENT ON COLUMN bi.contacts.first_seen_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN bi.contacts.last_seen_at IS 'Last activity of the contact (UTC)';
COMMENT ON COLUMN bi.contacts.conversations IS 'How many conversations, deleted ones included';
COMMENT ON COLUMN bi.contacts.is_returning IS 'Whether there is more than one';
COMMENT ON COLUMN bi.contacts.is_blocked IS 'Whether the contact is blocked; NULL: the server does not tell';
COMMENT ON COLUMN bi.contacts.is_deleted IS 'Whether a run found the contact deleted or merged away';
COMMENT ON COLUMN bi.contacts.merged_into IS 'The contact into whom this one was merged, who may have been merged, too; NULL: none';
