-- A day that is known of one account, and not of another, has no figure.
SELECT
    known.day,
    CASE WHEN bool_and(known.is_known) THEN sum(held.open) END AS open,
    CASE WHEN bool_and(known.is_known) THEN sum(held.pending) END AS pending,
    CASE WHEN bool_and(known.is_known) THEN sum(held.snoozed) END AS snoozed
FROM bi.known_days AS known
LEFT JOIN (
    SELECT account_id, day, sum(open) AS open, sum(pending) AS pending, sum(snoozed) AS snoozed
    FROM bi.daily_backlog
    GROUP BY account_id, day
) AS held USING (account_id, day)
GROUP BY known.day
HAVING bool_or(known.is_known)
