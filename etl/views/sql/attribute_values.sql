-- A value of `custom_attributes` as its definition's type; NULL where it does not fit: a view on it must never fail.
-- Revision 0001 made them as texts, whose operators mean what the search_path of the reader says. These are settled when
-- they are made. Kept when the views are dropped, as those with a column for each attribute rest on them.
CREATE OR REPLACE FUNCTION helpdesk.attribute_number(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric
        WHEN btrim(value #>> '{}') ~ '^[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})$'
            THEN btrim(value #>> '{}')::numeric
    END;
CREATE OR REPLACE FUNCTION helpdesk.attribute_date(value jsonb) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE
        WHEN value #>> '{}' ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])($|[T ])'
            AND left(value #>> '{}', 4) <> '0000'
        THEN CASE
            -- A day that its month does not have would lead into the next one.
            WHEN extract(month FROM make_date(left(value #>> '{}', 4)::int, substr(value #>> '{}', 6, 2)::int, 1)
                + substr(value #>> '{}', 9, 2)::int - 1) = substr(value #>> '{}', 6, 2)::int
            THEN make_date(left(value #>> '{}', 4)::int, substr(value #>> '{}', 6, 2)::int, 1)
                + substr(value #>> '{}', 9, 2)::int - 1
        END
    END;
CREATE OR REPLACE FUNCTION helpdesk.attribute_boolean(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE lower(value #>> '{}') WHEN 'true' THEN true WHEN 'false' THEN false END;
COMMENT ON FUNCTION helpdesk.attribute_number(jsonb) IS 'A custom attribute as a number; NULL where it is none';
COMMENT ON FUNCTION helpdesk.attribute_date(jsonb) IS 'A custom attribute as a day; NULL where it is none';
COMMENT ON FUNCTION helpdesk.attribute_boolean(jsonb)
    IS 'A custom attribute as true or false; NULL where it is neither';
