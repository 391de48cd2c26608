CREATE VIEW bi.contact_attributes AS
SELECT
    held.account_id,
    held.id AS contact_id,
    attribute.key AS attribute_key,
    coalesce(definition.attribute_display_name, attribute.key) AS attribute,
    definition.attribute_display_type AS type,
    attribute.value #>> '{}' AS value,
    helpdesk.attribute_number(attribute.value) AS value_number,
    helpdesk.attribute_date(attribute.value) AS value_date,
    helpdesk.attribute_boolean(attribute.value) AS value_boolean
FROM helpdesk.contacts AS held
CROSS JOIN LATERAL jsonb_each(
    CASE WHEN jsonb_typeof(held.custom_attributes) = 'object' THEN held.custom_attributes END
) AS attribute
LEFT JOIN helpdesk.custom_attribute_definitions AS definition
  ON definition.account_id = held.account_id AND definition.attribute_key = attribute.key
 AND definition.attribute_model = 'contact_attribute'
WHERE jsonb_typeof(attribute.value) <> 'null';

COMMENT ON VIEW bi.contact_attributes IS 'One row for each custom attribute of a contact';
COMMENT ON COLUMN bi.contact_attributes.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.contact_attributes.contact_id IS 'Number of the contact';
COMMENT ON COLUMN bi.contact_attributes.attribute_key IS 'Key of the attribute';
COMMENT ON COLUMN bi.contact_attributes.attribute IS 'Its name, as defined; the key where it is not defined';
COMMENT ON COLUMN bi.contact_attributes.type IS 'text, number, currency, percent, link, date, list, checkbox; NULL: not defined';
COMMENT ON COLUMN bi.contact_attributes.value IS 'The value as text';
COMMENT ON COLUMN bi.contact_attributes.value_number IS 'The value, if it is a number';
COMMENT ON COLUMN bi.contact_attributes.value_date IS 'The value, if it is a date';
COMMENT ON COLUMN bi.contact_attributes.value_boolean IS 'The value, if it is true or false';
