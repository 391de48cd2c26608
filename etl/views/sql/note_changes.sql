-- Notes in field_changes what an update changed of contacts and conversations, in the transaction that did: only while a
-- run saves what the vendor sent, which says when it was seen (`etl.seen_at`). Neither `etl redact` nor a restore is seen.
-- What somebody who is forgotten had is not noted, nor what was dropped by `etl redact` and is read again: that is known
-- since then, and did not change. Of a field that changes twice at once the later change has the later time. Without
-- enable_seqscan = off a session that began when the table was empty would read all of it for each change.

-- The fields of one side of a change, attributes by key. Of what is not kept there are digests: they count where the other
-- side has them, too, as else nothing is known of what it was.
CREATE OR REPLACE FUNCTION helpdesk.noted_fields(kept jsonb, digests jsonb, others jsonb)
RETURNS TABLE (field text, value jsonb) LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT one.key, coalesce(nullif(one.value, 'null'), CASE WHEN others ? one.key THEN nullif(digests -> one.key, 'null') END)
    FROM jsonb_each(kept) AS one WHERE one.key NOT LIKE '%@_attributes' ESCAPE '@'
    UNION ALL
    SELECT many.key || '.' || one.key, nullif(one.value, 'null')
    FROM jsonb_each(kept) AS many
    CROSS JOIN LATERAL jsonb_each(
        CASE WHEN jsonb_typeof(many.value) = 'object' THEN many.value ELSE '{}' END
        || CASE WHEN others ? many.key AND digests ? many.key THEN digests -> many.key ELSE '{}' END
    ) AS one
    -- Where the contact's browser was last is no fact about the contact.
    WHERE many.key LIKE '%@_attributes' ESCAPE '@' AND one.key NOT IN ('created_at_ip', 'updated_at_ip');
END;

-- What differs between two sides; digests that were made with two keys tell nothing.
CREATE OR REPLACE FUNCTION helpdesk.fields_that_differ(was jsonb, was_digests jsonb, now jsonb, now_digests jsonb)
RETURNS TABLE (field text, before jsonb, after jsonb) LANGUAGE sql IMMUTABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT field, before.value, after.value
    FROM helpdesk.noted_fields(was, was_digests, now_digests) AS before
    FULL JOIN helpdesk.noted_fields(now, now_digests, was_digests) AS after USING (field)
    WHERE before.value IS DISTINCT FROM after.value AND (
        starts_with(before.value #>> '{}', 'digest:') AND starts_with(after.value #>> '{}', 'digest:')
        AND left(before.value #>> '{}', 12) <> left(after.value #>> '{}', 12)
    ) IS NOT TRUE;
END;

CREATE OR REPLACE FUNCTION helpdesk.note_changes_of_contacts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    at timestamptz := nullif(current_setting('etl.seen_at', true), '')::timestamptz;
BEGIN
    IF at IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    SELECT was.account_id, 'contact', was.id, told.field, told.before, told.after, greatest(at, (
        SELECT max(earlier.seen_at + interval '1 microsecond') FROM helpdesk.field_changes AS earlier
        WHERE earlier.account_id = was.account_id AND earlier.entity = 'contact' AND earlier.entity_id = was.id
          AND earlier.field = told.field
    ))
    FROM old_rows AS was
    JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
    JOIN helpdesk.accounts AS account ON account.account_id = was.account_id
    CROSS JOIN LATERAL helpdesk.fields_that_differ(
        jsonb_build_object(
            'name', was.name, 'email', was.email, 'phone_number', was.phone_number, 'identifier', was.identifier,
            'blocked', was.blocked, 'company_id', was.company_id,
            'custom_attributes', was.custom_attributes, 'additional_attributes', was.additional_attributes
        ), was.digests,
        jsonb_build_object(
            'name', now.name, 'email', now.email, 'phone_number', now.phone_number, 'identifier', now.identifier,
            'blocked', now.blocked, 'company_id', now.company_id,
            'custom_attributes', now.custom_attributes, 'additional_attributes', now.additional_attributes
        ), now.digests
    ) AS told
    WHERE (was.name, was.email, was.phone_number, was.identifier, was.blocked, was.company_id,
        was.custom_attributes, was.additional_attributes, was.digests)
        IS DISTINCT FROM
        (now.name, now.email, now.phone_number, now.identifier, now.blocked, now.company_id,
        now.custom_attributes, now.additional_attributes, now.digests)
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
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
    at timestamptz := nullif(current_setting('etl.seen_at', true), '')::timestamptz;
BEGIN
    IF at IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    SELECT was.account_id, 'conversation', was.id, told.field, told.before, told.after, greatest(at, (
        SELECT max(earlier.seen_at + interval '1 microsecond') FROM helpdesk.field_changes AS earlier
        WHERE earlier.account_id = was.account_id AND earlier.entity = 'conversation' AND earlier.entity_id = was.id
          AND earlier.field = told.field
    ))
    FROM old_rows AS was
    JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
    JOIN helpdesk.accounts AS account ON account.account_id = was.account_id
    CROSS JOIN LATERAL helpdesk.fields_that_differ(
        jsonb_build_object(
            'priority', was.priority, 'inbox_id', was.inbox_id, 'contact_id', was.contact_id, 'sla_policy_id', was.sla_policy_id,
            'custom_attributes', was.custom_attributes
        ), was.digests,
        jsonb_build_object(
            'priority', now.priority, 'inbox_id', now.inbox_id, 'contact_id', now.contact_id, 'sla_policy_id', now.sla_policy_id,
            'custom_attributes', now.custom_attributes
        ), now.digests
    ) AS told
    WHERE (was.priority, was.inbox_id, was.contact_id, was.sla_policy_id, was.custom_attributes, was.digests)
        IS DISTINCT FROM
        (now.priority, now.inbox_id, now.contact_id, now.sla_policy_id, now.custom_attributes, now.digests)
    AND (told.field NOT LIKE 'custom@_attributes.%' ESCAPE '@' OR (
            now.forgotten_at IS NULL AND (account.dropped_until IS NULL OR was.changed_at > account.dropped_until)
        ))
    ORDER BY was.account_id, was.id, told.field COLLATE "C";
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.note_changes_of_contacts(), helpdesk.note_changes_of_conversations() FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.noted_fields(jsonb, jsonb, jsonb) IS 'The fields of a row of which changes are noted, attributes by key';
COMMENT ON FUNCTION helpdesk.fields_that_differ(jsonb, jsonb, jsonb, jsonb) IS 'The fields in which two readings of a row differ';
COMMENT ON FUNCTION helpdesk.note_changes_of_contacts() IS 'Notes in field_changes what a run changed of contacts';
COMMENT ON FUNCTION helpdesk.note_changes_of_conversations() IS 'Notes in field_changes what a run changed of conversations';

CREATE OR REPLACE TRIGGER contacts_changed AFTER UPDATE ON helpdesk.contacts
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.note_changes_of_contacts();
CREATE OR REPLACE TRIGGER conversations_changed AFTER UPDATE ON helpdesk.conversations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.note_changes_of_conversations();
