SELECT label, sum(conversations_opened) AS opened FROM bi.daily_labels GROUP BY label
