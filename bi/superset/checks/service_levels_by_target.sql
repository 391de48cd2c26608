SELECT
    target,
    count(*) AS promised,
    avg(CASE WHEN is_met THEN 1 WHEN is_breached THEN 0 END) AS met_share,
    sum(CASE WHEN is_met THEN 1 ELSE 0 END) AS met,
    sum(CASE WHEN is_breached THEN 1 ELSE 0 END) AS breached,
    sum(CASE WHEN is_met IS NULL THEN 1 ELSE 0 END) AS not_known
FROM bi.service_levels
GROUP BY target
