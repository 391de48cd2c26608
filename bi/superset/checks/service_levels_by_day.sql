SELECT
    began_on AS day,
    sum(CASE WHEN is_met THEN 1 ELSE 0 END) AS met,
    sum(CASE WHEN is_breached THEN 1 ELSE 0 END) AS breached
FROM bi.service_levels
GROUP BY began_on
