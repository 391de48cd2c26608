SELECT
    calendar.week_starts_on,
    nullif(count(*) FILTER (WHERE opening.resolved_by = 'inferred'), 0) AS "Inferred: the contact came back",
    nullif(count(*) FILTER (WHERE opening.resolved_by = 'seen' AND opening.resolved_at_is = 'told'), 0) AS "Told by an activity",
    nullif(count(*) FILTER (WHERE opening.resolved_by = 'seen' AND opening.resolved_at_is = 'bounded'), 0)
        AS "Between two known times",
    nullif(count(*) FILTER (WHERE opening.resolved_by = 'seen' AND opening.resolved_at_is = 'not known'), 0) AS "Not known"
FROM bi.resolutions AS opening
JOIN bi.calendar USING (account_id)
WHERE calendar.day = opening.resolved_on
GROUP BY calendar.week_starts_on
