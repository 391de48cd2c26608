SELECT day, sum(backlog) AS backlog
FROM bi.daily_backlog
WHERE day NOT IN (SELECT day FROM bi.known_days WHERE NOT is_known)
GROUP BY day
