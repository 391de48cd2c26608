-- From the conversations themselves: of each contact the first day is the one on which it is new.
WITH begun AS (
    SELECT DISTINCT account_id, contact_id, (opening.opened_at AT TIME ZONE health.time_zone)::date AS day
    FROM bi.resolutions AS opening
    JOIN bi.conversations AS conversation USING (account_id, conversation_id)
    JOIN bi.sync_health AS health USING (account_id)
    WHERE opening.opening = 1
), counted AS (
    SELECT day, contact_id, day = min(day) OVER (PARTITION BY account_id, contact_id) AS is_new FROM begun
)
SELECT
    day,
    sum(CASE WHEN contact_id IS NOT NULL AND is_new THEN 1 ELSE 0 END) AS came_first,
    sum(CASE WHEN contact_id IS NOT NULL AND NOT is_new THEN 1 ELSE 0 END) AS came_back
FROM counted
GROUP BY day
