SELECT
    channel,
    sum(messages) AS messages,
    coalesce(sum(messages) FILTER (WHERE status = 'failed'), 0)::numeric / nullif(sum(messages), 0) AS failed_share,
    coalesce(sum(messages) FILTER (WHERE status = 'delivered' OR status = 'read'), 0) AS arrived,
    coalesce(sum(messages) FILTER (WHERE status = 'read'), 0) AS read,
    coalesce(sum(replies) FILTER (WHERE NOT is_within_24_hours), 0)::numeric / nullif(sum(replies), 0) AS outside_share
FROM bi.daily_deliveries
GROUP BY channel
