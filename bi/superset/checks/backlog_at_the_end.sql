-- A day that is known of one account, and not of another, has no figure.
SELECT known.day, CASE WHEN bool_and(known.is_known) THEN sum(held.backlog) END AS backlog
FROM bi.known_days AS known
LEFT JOIN (SELECT account_id, day, sum(backlog) AS backlog FROM bi.daily_backlog GROUP BY account_id, day) AS held
  USING (account_id, day)
GROUP BY known.day
HAVING bool_or(known.is_known)
