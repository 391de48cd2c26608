SELECT round((percentile_cont(0.5) WITHIN GROUP (ORDER BY resolution_seconds) / 60)::numeric) * 60000 AS median FROM bi.resolutions
