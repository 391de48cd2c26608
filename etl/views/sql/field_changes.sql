CREATE VIEW bi.field_changes AS
SELECT
    change.account_id,
    change.number,
    change.entity,
    CASE WHEN change.entity = 'conversation' THEN change.entity_id END AS conversation_id,
    CASE
        WHEN change.entity = 'conversation'
        THEN account.base_url || '/app/accounts/' || change.account_id || '/conversations/' || change.entity_id
    END AS conversation_url,
    CASE WHEN change.entity = 'contact' THEN change.entity_id ELSE conversation.contact_id END AS contact_id,
    change.field,
    CASE WHEN may.be_shown THEN change.before END AS before,
    CASE WHEN may.be_shown THEN change.after END AS after,
    change.seen_at,
    (change.seen_at AT TIME ZONE account.time_zone)::date AS seen_on
FROM helpdesk.field_changes AS change
LEFT JOIN helpdesk.accounts AS account ON account.account_id = change.account_id
LEFT JOIN helpdesk.conversations AS conversation
  ON change.entity = 'conversation' AND conversation.account_id = change.account_id AND conversation.id = change.entity_id
-- As in the other views: who and where somebody is. Custom attributes are the account's own.
CROSS JOIN LATERAL (
    SELECT (change.field NOT IN ('name', 'email', 'phone_number', 'identifier') AND change.field NOT LIKE 'additional@_%' ESCAPE '@')
        OR (SELECT allowed FROM helpdesk.personal_data_access) AS be_shown
) AS may;

COMMENT ON VIEW bi.field_changes IS 'One row for each field of a conversation or contact that a run saw changed: labels, priority, inbox, contact, custom attributes; a contact''s name, addresses, company';
COMMENT ON COLUMN bi.field_changes.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.field_changes.number IS 'Number of the change';
COMMENT ON COLUMN bi.field_changes.entity IS 'conversation or contact: of which it is a field';
COMMENT ON COLUMN bi.field_changes.conversation_id IS 'Number of the conversation; NULL: it is a contact''s';
COMMENT ON COLUMN bi.field_changes.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.field_changes.contact_id IS 'Number of the contact; of a conversation, whom it is with now';
COMMENT ON COLUMN bi.field_changes.field IS 'labels, priority, inbox_id, contact_id, sla_policy_id; name, email, phone_number, identifier, blocked, company_id; custom_attributes.KEY, additional_attributes.KEY';
COMMENT ON COLUMN bi.field_changes.before IS 'What it was, as JSON; NULL: nothing, or not for who may not see personal data';
COMMENT ON COLUMN bi.field_changes.after IS 'What it became, likewise';
COMMENT ON COLUMN bi.field_changes.seen_at IS 'When a run saw it (UTC): it changed since the run before it';
COMMENT ON COLUMN bi.field_changes.seen_on IS 'Its day, in the account''s time zone';
