-- The chart has days without anything, too: from its first day to its last.
WITH days AS (
    SELECT
        day,
        sum(conversations_opened) AS opened, sum(conversations_reopened) AS reopened, sum(conversations_resolved) AS resolved
    FROM bi.daily_volume
    GROUP BY day
)
SELECT
    every::date AS day,
    coalesce(opened, 0) AS opened, coalesce(reopened, 0) AS reopened, coalesce(resolved, 0) AS resolved
FROM (SELECT min(day) AS first, max(day) AS last FROM days) AS span
CROSS JOIN generate_series(span.first::timestamp, span.last::timestamp, '1 day') AS every
LEFT JOIN days ON days.day = every::date
