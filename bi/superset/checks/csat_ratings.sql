SELECT rating, count(*) AS answers FROM bi.csat GROUP BY rating
