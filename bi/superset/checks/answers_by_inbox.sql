-- Questions are the waits that are known; the medians are over those that were answered.
SELECT
    inbox,
    count(*) AS questions,
    avg(CASE WHEN is_resolved_unanswered THEN 1 ELSE 0 END) AS unanswered_share,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY reply_seconds) / 60)::numeric) * 60000 AS median,
    round((percentile_cont(0.9) WITHIN GROUP (ORDER BY reply_seconds) / 60)::numeric) * 60000 AS nine_of_ten,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY reply_business_seconds) / 60)::numeric) * 60000 AS median_business
FROM bi.reply_times
WHERE is_known
GROUP BY inbox
