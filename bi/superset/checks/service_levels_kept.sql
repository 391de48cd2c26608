-- From the replies and resolutions themselves.
SELECT count(*) FILTER (WHERE is_met)::numeric / nullif(count(*) FILTER (WHERE is_met OR is_breached), 0) AS met_share
FROM bi.service_levels
