-- Whether the opening times of an inbox are such as the API describes: an hour that is no number would make every view fail
-- that uses it.
CREATE OR REPLACE FUNCTION helpdesk.are_working_hours(sent jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(CASE jsonb_typeof(sent) WHEN 'array' THEN jsonb_array_length(sent) END = NULLIF(
        jsonb_array_length(jsonb_path_query_array(
            sent,
            'strict $[*] ? (@.day_of_week >= 0 && @.day_of_week <= 6 && (
                @.closed_all_day == true || @.open_all_day == true
                || @.open_hour >= 0 && @.open_hour <= 24 && @.open_minutes >= 0 && @.open_minutes < 60
                && @.close_hour >= 0 && @.close_hour <= 24 && @.close_minutes >= 0 && @.close_minutes < 60
            ))',
            silent => true
        )),
        0
    ), false);

COMMENT ON FUNCTION helpdesk.are_working_hours(jsonb) IS 'Whether opening times are such as the API describes them';
