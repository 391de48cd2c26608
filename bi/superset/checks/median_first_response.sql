-- Of the first opening only.
SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY first_response_seconds) / 60)::numeric) * 60000 AS median FROM bi.conversations
