-- From the waits themselves.
SELECT avg(CASE WHEN is_resolved_unanswered THEN 1 ELSE 0 END) AS unanswered_share FROM bi.reply_times WHERE is_known
