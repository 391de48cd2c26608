SELECT
    team,
    count(*) AS resolved,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY resolution_seconds) / 60)::numeric) * 60000 AS median,
    round((percentile_cont(0.9) WITHIN GROUP (ORDER BY resolution_seconds) / 60)::numeric) * 60000 AS nine_of_ten,
    round((percentile_cont(0.5) WITHIN GROUP (ORDER BY resolution_business_seconds) / 60)::numeric) * 60000 AS median_business
FROM bi.resolutions
WHERE resolved_at IS NOT NULL
GROUP BY team
