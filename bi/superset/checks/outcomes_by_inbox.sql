SELECT
    inbox,
    sum(CASE WHEN resolutions > 0 THEN 1 ELSE 0 END) AS resolved,
    count(*) FILTER (WHERE is_one_touch)::numeric / nullif(count(is_one_touch), 0) AS one_touch,
    count(*) FILTER (WHERE is_first_contact_resolution_for_good)::numeric
        / nullif(count(is_first_contact_resolution_for_good), 0) AS first_contact,
    count(*) FILTER (WHERE is_unanswered)::numeric / nullif(count(is_unanswered), 0) AS unanswered,
    sum(handovers) AS handovers
FROM bi.conversation_metrics
GROUP BY inbox
