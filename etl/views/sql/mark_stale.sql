-- Notes of whose conversations the rows change from which figures are computed, whoever changes them, in the transaction
-- that does. A run computes these figures at its end. Only what a figure is made of counts: that a message was read, say,
-- changes none. A note that is there is locked: who computes waits for the change, and does not miss it. `changed_rows` are those that came or went, `old_rows` and `new_rows` those that were updated.
CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_messages() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT DISTINCT changed.account_id, changed.conversation_id
        FROM (
            SELECT was.account_id, was.conversation_id AS left_id, now.conversation_id AS joined_id
            FROM old_rows AS was JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
            WHERE (was.conversation_id, was.created_at, was.message_type, was.private, was.sender_type, was.sender_id, was.deleted,
                was.removed_at IS NULL, was.status = 'failed', was.content_attributes, was.additional_attributes,
                was.extra ->> 'sender_name')
                IS DISTINCT FROM
                (now.conversation_id, now.created_at, now.message_type, now.private, now.sender_type, now.sender_id, now.deleted,
                now.removed_at IS NULL, now.status = 'failed', now.content_attributes, now.additional_attributes,
                now.extra ->> 'sender_name')
        ) AS moved
        CROSS JOIN LATERAL (VALUES (moved.account_id, moved.left_id), (moved.account_id, moved.joined_id))
            AS changed (account_id, conversation_id)
        ORDER BY 1, 2 ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    ELSE
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT DISTINCT account_id, conversation_id FROM changed_rows ORDER BY 1, 2
        ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_conversations() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT was.account_id, was.id
        FROM old_rows AS was JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
        WHERE (was.status, was.created_at, was.inbox_id, was.muted, was.deleted_at, was.events_read_at)
            IS DISTINCT FROM (now.status, now.created_at, now.inbox_id, now.muted, now.deleted_at, now.events_read_at)
        ORDER BY 1, 2 ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    ELSE
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT account_id, id FROM changed_rows ORDER BY 1, 2
        ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_states() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
    SELECT DISTINCT account_id, conversation_id FROM changed_rows ORDER BY 1, 2
    ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_vendor_events() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT DISTINCT changed.account_id, changed.conversation_id
        FROM old_rows AS was
        JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
        CROSS JOIN LATERAL (VALUES (was.account_id, was.conversation_id), (now.account_id, now.conversation_id))
            AS changed (account_id, conversation_id)
        WHERE (was.conversation_id, was.name, was.event_end_time, was.created_at, was.user_id)
            IS DISTINCT FROM (now.conversation_id, now.name, now.event_end_time, now.created_at, now.user_id)
          AND changed.conversation_id IS NOT NULL
        ORDER BY 1, 2 ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    ELSE
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT DISTINCT account_id, conversation_id FROM changed_rows WHERE conversation_id IS NOT NULL ORDER BY 1, 2
        ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    END IF;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_labels() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
    SELECT DISTINCT account_id, conversation_id FROM changed_rows ORDER BY 1, 2
    ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    RETURN NULL;
END
$$;

-- In which inbox and with which labels a conversation was, when something began to be owed.
CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_field_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
    SELECT DISTINCT account_id, entity_id FROM changed_rows WHERE entity = 'conversation' AND field IN ('inbox_id', 'labels')
    ORDER BY 1, 2 ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    RETURN NULL;
END
$$;

-- Of some messages only the name of who wrote is told, and one agent alone has to bear it (message_kinds.sql).
CREATE OR REPLACE FUNCTION helpdesk.mark_stale_by_agents() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names text[];
BEGIN
    IF TG_OP = 'UPDATE' THEN
        SELECT array_agg(told.name) INTO names
        FROM old_rows AS was
        JOIN new_rows AS now ON now.account_id = was.account_id AND now.id = was.id
        CROSS JOIN LATERAL (VALUES (was.name), (was.available_name), (now.name), (now.available_name)) AS told (name)
        WHERE (was.name, was.available_name) IS DISTINCT FROM (now.name, now.available_name);
    ELSIF TG_OP = 'INSERT' THEN
        SELECT array_agg(told.name) INTO names
        FROM new_rows AS now CROSS JOIN LATERAL (VALUES (now.name), (now.available_name)) AS told (name);
    ELSE
        SELECT array_agg(told.name) INTO names
        FROM old_rows AS was CROSS JOIN LATERAL (VALUES (was.name), (was.available_name)) AS told (name);
    END IF;
    -- Of all accounts: who is called so in another one is computed in vain, and that is seldom.
    INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
    SELECT DISTINCT message.account_id, message.conversation_id FROM helpdesk.messages AS message
    WHERE message.sender_type IS NULL AND message.extra ->> 'sender_name' <> '' AND message.extra ->> 'sender_name' = ANY (names)
    ORDER BY 1, 2 ON CONFLICT (account_id, conversation_id) DO UPDATE SET account_id = excluded.account_id;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.mark_stale_by_messages(), helpdesk.mark_stale_by_conversations(),
    helpdesk.mark_stale_by_states(), helpdesk.mark_stale_by_vendor_events(), helpdesk.mark_stale_by_agents(),
    helpdesk.mark_stale_by_labels(), helpdesk.mark_stale_by_field_changes() FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.mark_stale_by_messages() IS 'Notes the conversations of changed messages in stale_figures';
COMMENT ON FUNCTION helpdesk.mark_stale_by_conversations() IS 'Notes changed conversations in stale_figures';
COMMENT ON FUNCTION helpdesk.mark_stale_by_states() IS 'Notes the conversations of changed states in stale_figures';
COMMENT ON FUNCTION helpdesk.mark_stale_by_vendor_events() IS 'Notes the conversations of changed events of the vendor in stale_figures';
COMMENT ON FUNCTION helpdesk.mark_stale_by_agents() IS 'Notes in stale_figures the conversations with messages of which only a name that changed is told';
COMMENT ON FUNCTION helpdesk.mark_stale_by_labels() IS 'Notes the conversations of labels that came or went in stale_figures';
COMMENT ON FUNCTION helpdesk.mark_stale_by_field_changes() IS 'Notes in stale_figures the conversations of which changes of inbox or labels came or went';

-- What changed without them is not known: the next run computes everything.
DELETE FROM helpdesk.figures_computed;

CREATE OR REPLACE TRIGGER messages_inserted AFTER INSERT ON helpdesk.messages
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_messages();
CREATE OR REPLACE TRIGGER messages_updated AFTER UPDATE ON helpdesk.messages
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_messages();
CREATE OR REPLACE TRIGGER messages_deleted AFTER DELETE ON helpdesk.messages
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_messages();
CREATE OR REPLACE TRIGGER conversations_inserted AFTER INSERT ON helpdesk.conversations
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_conversations();
CREATE OR REPLACE TRIGGER conversations_updated AFTER UPDATE ON helpdesk.conversations
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_conversations();
CREATE OR REPLACE TRIGGER conversations_deleted AFTER DELETE ON helpdesk.conversations
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_conversations();
CREATE OR REPLACE TRIGGER states_inserted AFTER INSERT ON helpdesk.conversation_states
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_states();
CREATE OR REPLACE TRIGGER states_updated AFTER UPDATE ON helpdesk.conversation_states
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_states();
CREATE OR REPLACE TRIGGER states_deleted AFTER DELETE ON helpdesk.conversation_states
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_states();
CREATE OR REPLACE TRIGGER reporting_events_inserted AFTER INSERT ON helpdesk.reporting_events
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_vendor_events();
CREATE OR REPLACE TRIGGER reporting_events_updated AFTER UPDATE ON helpdesk.reporting_events
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_vendor_events();
CREATE OR REPLACE TRIGGER reporting_events_deleted AFTER DELETE ON helpdesk.reporting_events
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_vendor_events();
CREATE OR REPLACE TRIGGER agents_inserted AFTER INSERT ON helpdesk.agents
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_agents();
CREATE OR REPLACE TRIGGER agents_updated AFTER UPDATE ON helpdesk.agents
    REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_agents();
CREATE OR REPLACE TRIGGER agents_deleted AFTER DELETE ON helpdesk.agents
    REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_agents();
CREATE OR REPLACE TRIGGER labels_inserted AFTER INSERT ON helpdesk.conversation_labels
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_labels();
CREATE OR REPLACE TRIGGER labels_updated AFTER UPDATE ON helpdesk.conversation_labels
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_labels();
CREATE OR REPLACE TRIGGER labels_deleted AFTER DELETE ON helpdesk.conversation_labels
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_labels();
CREATE OR REPLACE TRIGGER field_changes_inserted AFTER INSERT ON helpdesk.field_changes
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_field_changes();
CREATE OR REPLACE TRIGGER field_changes_updated AFTER UPDATE ON helpdesk.field_changes
    REFERENCING NEW TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_field_changes();
CREATE OR REPLACE TRIGGER field_changes_deleted AFTER DELETE ON helpdesk.field_changes
    REFERENCING OLD TABLE AS changed_rows FOR EACH STATEMENT EXECUTE FUNCTION helpdesk.mark_stale_by_field_changes();
