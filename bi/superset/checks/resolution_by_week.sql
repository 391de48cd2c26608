SELECT
    calendar.week_starts_on,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY resolution_seconds) / 3600 AS median_hours,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY resolution_seconds) / 3600 AS nine_of_ten_hours
FROM bi.resolutions AS opening
JOIN bi.calendar USING (account_id)
WHERE calendar.day = opening.resolved_on
GROUP BY calendar.week_starts_on
