-- By the volume of each day, which counts failed ones beside those that did not fail.
SELECT sum(messages_failed)::numeric / nullif(sum(messages_out) + sum(messages_failed), 0) AS failed_share FROM bi.daily_volume
