CREATE VIEW bi.conversation_attributes AS
SELECT
    held.account_id,
    held.id AS conversation_id,
    account.base_url || '/app/accounts/' || held.account_id || '/conversations/' || held.id AS conversation_url,
    attribute.key AS attribute_key,
    coalesce(definition.attribute_display_name, attribute.key) AS attribute,
    definition.attribute_display_type AS type,
    attribute.value #>> '{}' AS value,
    helpdesk.attribute_number(attribute.value) AS value_number,
    helpdesk.attribute_date(attribute.value) AS value_date,
    helpdesk.attribute_boolean(attribute.value) AS value_boolean,
    held.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.conversations AS held
LEFT JOIN helpdesk.accounts AS account ON account.account_id = held.account_id
CROSS JOIN LATERAL jsonb_each(
    CASE WHEN jsonb_typeof(held.custom_attributes) = 'object' THEN held.custom_attributes END
) AS attribute
LEFT JOIN helpdesk.custom_attribute_definitions AS definition
  ON definition.account_id = held.account_id AND definition.attribute_key = attribute.key
 AND definition.attribute_model = 'conversation_attribute'
WHERE jsonb_typeof(attribute.value) <> 'null';

COMMENT ON VIEW bi.conversation_attributes IS 'One row for each custom attribute of a conversation';
COMMENT ON COLUMN bi.conversation_attributes.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.conversation_attributes.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.conversation_attributes.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.conversation_attributes.attribute_key IS 'Key of the attribute';
COMMENT ON COLUMN bi.conversation_attributes.attribute IS 'Its name, as defined; the key where it is not defined';
COMMENT ON COLUMN bi.conversation_attributes.type IS 'text, number, currency, percent, link, date, list, checkbox; NULL: not defined';
COMMENT ON COLUMN bi.conversation_attributes.value IS 'The value as text';
COMMENT ON COLUMN bi.conversation_attributes.value_number IS 'The value, if it is a number';
COMMENT ON COLUMN bi.conversation_attributes.value_date IS 'The value, if it is a date';
COMMENT ON COLUMN bi.conversation_attributes.value_boolean IS 'The value, if it is true or false';
COMMENT ON COLUMN bi.conversation_attributes.is_deleted IS 'Whether the conversation was deleted upstream';
