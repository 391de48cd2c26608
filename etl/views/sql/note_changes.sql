-- Notes in field_changes what an update changed of contacts and conversations, in the transaction that did: only while a
-- run saves what the vendor sent, which says when it was seen (`etl.seen_at`). Neither `etl redact` nor a restore is seen.
-- What somebody who is forgotten had is not noted, nor what was dropped by `etl redact` and is read again: that is known
-- since then, and did not change. Of a field that changes twice at once the later change has the later time.
CREATE OR REPLACE FUNCTION helpdesk.note_changes_of_contacts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := nullif(current_setting('etl.seen_at', true), '')::timestamptz;
BEGIN
    IF at IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    SELECT was.account_id, 'contact', was.id, told.field, told.before, told.after, greatest(at, (
        SELECT max(earlier.seen_at) + interval '1 microsecond' FROM helpdesk.field_changes AS earlier
        WHERE earlier.account_id = was.account_id AND earlier.entity = 'contact' AND earlier.entity_id = was.id
          AND earlier.field = told.field
    ))
    FROM old_rows AS was
    JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
    JOIN helpdesk.accounts AS account ON account.account_id = was.account_id
    CROSS JOIN LATERAL (
        VALUES
            ('name', to_jsonb(was.name), to_jsonb(now.name)),
            ('email', to_jsonb(was.email), to_jsonb(now.email)),
            ('phone_number', to_jsonb(was.phone_number), to_jsonb(now.phone_number)),
            ('identifier', to_jsonb(was.identifier), to_jsonb(now.identifier)),
            ('blocked', to_jsonb(was.blocked), to_jsonb(now.blocked)),
            ('company_id', to_jsonb(was.company_id), to_jsonb(now.company_id))
        UNION ALL
        SELECT 'custom_attributes.' || key, nullif(before.value, 'null'), nullif(after.value, 'null')
        FROM jsonb_each(CASE WHEN jsonb_typeof(was.custom_attributes) = 'object' THEN was.custom_attributes END) AS before
        FULL JOIN jsonb_each(CASE WHEN jsonb_typeof(now.custom_attributes) = 'object' THEN now.custom_attributes END) AS after
            USING (key)
        UNION ALL
        SELECT 'additional_attributes.' || key, nullif(before.value, 'null'), nullif(after.value, 'null')
        FROM jsonb_each(CASE WHEN jsonb_typeof(was.additional_attributes) = 'object' THEN was.additional_attributes END) AS before
        FULL JOIN jsonb_each(CASE WHEN jsonb_typeof(now.additional_attributes) = 'object' THEN now.additional_attributes END) AS after
            USING (key)
        -- Where the contact's browser was last is no fact about the contact.
        WHERE key NOT IN ('created_at_ip', 'updated_at_ip')
    ) AS told (field, before, after)
    WHERE told.before IS DISTINCT FROM told.after
      AND (told.field IN ('blocked', 'company_id') OR (
        (account.dropped_until IS NULL OR was.changed_at > account.dropped_until)
        AND NOT EXISTS (
            SELECT FROM helpdesk.suppressed_contacts AS forgotten
            WHERE forgotten.account_id = was.account_id AND forgotten.contact_id = was.id
        )
      ))
    ORDER BY was.account_id, was.id, told.field COLLATE "C";
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION helpdesk.note_changes_of_conversations() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    at timestamptz := nullif(current_setting('etl.seen_at', true), '')::timestamptz;
BEGIN
    IF at IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    SELECT was.account_id, 'conversation', was.id, told.field, told.before, told.after, greatest(at, (
        SELECT max(earlier.seen_at) + interval '1 microsecond' FROM helpdesk.field_changes AS earlier
        WHERE earlier.account_id = was.account_id AND earlier.entity = 'conversation' AND earlier.entity_id = was.id
          AND earlier.field = told.field
    ))
    FROM old_rows AS was
    JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
    JOIN helpdesk.accounts AS account ON account.account_id = was.account_id
    CROSS JOIN LATERAL (
        VALUES
            ('priority', to_jsonb(was.priority), to_jsonb(now.priority)),
            ('inbox_id', to_jsonb(was.inbox_id), to_jsonb(now.inbox_id)),
            ('contact_id', to_jsonb(was.contact_id), to_jsonb(now.contact_id)),
            ('sla_policy_id', to_jsonb(was.sla_policy_id), to_jsonb(now.sla_policy_id))
        UNION ALL
        SELECT 'custom_attributes.' || key, nullif(before.value, 'null'), nullif(after.value, 'null')
        FROM jsonb_each(CASE WHEN jsonb_typeof(was.custom_attributes) = 'object' THEN was.custom_attributes END) AS before
        FULL JOIN jsonb_each(CASE WHEN jsonb_typeof(now.custom_attributes) = 'object' THEN now.custom_attributes END) AS after
            USING (key)
        WHERE now.forgotten_at IS NULL AND (account.dropped_until IS NULL OR was.changed_at > account.dropped_until)
    ) AS told (field, before, after)
    WHERE told.before IS DISTINCT FROM told.after
    ORDER BY was.account_id, was.id, told.field COLLATE "C";
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.note_changes_of_contacts(), helpdesk.note_changes_of_conversations() FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.note_changes_of_contacts() IS 'Notes in field_changes what a run changed of contacts';
COMMENT ON FUNCTION helpdesk.note_changes_of_conversations() IS 'Notes in field_changes what a run changed of conversations';

CREATE OR REPLACE TRIGGER contacts_changed AFTER UPDATE ON helpdesk.contacts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.note_changes_of_contacts();
CREATE OR REPLACE TRIGGER conversations_changed AFTER UPDATE ON helpdesk.conversations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.note_changes_of_conversations();
