SELECT inbox, error_code, error, template, sum(messages) AS failed
FROM bi.daily_deliveries
WHERE status = 'failed'
GROUP BY inbox, error_code, error, template
