-- Of the first opening only.
SELECT
    inbox, channel,
    count(*) AS answered,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY first_response_seconds) / 60)::numeric) * 60000 AS median,
    round((percentile_cont(0.9) WITHIN GROUP (ORDER BY first_response_seconds) / 60)::numeric) * 60000 AS nine_of_ten,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY first_response_business_seconds) / 60)::numeric) * 60000 AS median_business
FROM bi.conversations
WHERE first_reply_at IS NOT NULL
GROUP BY inbox, channel
