SELECT
    calendar.week_starts_on,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY first_response_seconds) / 3600 AS median_hours,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY first_response_seconds) / 3600 AS nine_of_ten_hours
FROM bi.first_responses AS response
JOIN bi.calendar USING (account_id)
WHERE calendar.day = response.asked_on AND response.opening = 1
GROUP BY calendar.week_starts_on
