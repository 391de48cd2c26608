SELECT count(*) FILTER (WHERE rating >= 4)::numeric / nullif(count(rating), 0) AS satisfied FROM bi.csat
