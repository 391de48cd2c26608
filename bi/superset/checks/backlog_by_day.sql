SELECT day, sum(open) AS open, sum(pending) AS pending, sum(snoozed) AS snoozed
FROM bi.daily_backlog
WHERE day NOT IN (SELECT day FROM bi.known_days WHERE NOT is_known)
GROUP BY day
