SELECT
    to_char(hour, 'FM00') AS hour_of_day,
    weekday || ' ' || weekday_name AS day_of_week,
    sum(messages_in) AS from_customers
FROM bi.traffic_heatmap
GROUP BY 1, 2
