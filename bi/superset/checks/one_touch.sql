SELECT count(*) FILTER (WHERE is_one_touch)::numeric / nullif(count(is_one_touch), 0) AS one_touch FROM bi.conversation_metrics
