SELECT day, sum(messages_in) AS from_customers, sum(messages_out) AS to_customers
FROM bi.daily_volume
GROUP BY day
