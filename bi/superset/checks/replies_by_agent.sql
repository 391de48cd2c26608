SELECT
    agent,
    count(*) AS answered,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY reply_seconds) / 60)::numeric) * 60000 AS median,
    round((percentile_cont(0.9) WITHIN GROUP (ORDER BY reply_seconds) / 60)::numeric) * 60000 AS nine_of_ten,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY reply_seconds_from_assignment) / 60)::numeric) * 60000 AS median_from_assignment
FROM bi.reply_times
WHERE answered_at IS NOT NULL
GROUP BY agent
