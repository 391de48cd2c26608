SELECT
    calendar.week_starts_on,
    sum(CASE WHEN wait.answered_at IS NOT NULL THEN 1 ELSE 0 END) AS answered,
    sum(CASE WHEN wait.is_resolved_unanswered THEN 1 ELSE 0 END) AS unanswered,
    sum(CASE WHEN wait.is_waiting THEN 1 ELSE 0 END) AS waiting,
    sum(CASE WHEN wait.is_known THEN 0 ELSE 1 END) AS not_known
FROM bi.reply_times AS wait
JOIN bi.calendar USING (account_id)
WHERE calendar.day = wait.waiting_on
GROUP BY calendar.week_starts_on
