-- Averages are weighed by what they are over.
SELECT
    agent,
    sum(replies) AS replies,
    sum(first_responses) AS first_responses_given,
    round(sum(avg_first_response_seconds * first_responses)
        / nullif(sum(CASE WHEN avg_first_response_seconds IS NOT NULL THEN first_responses END), 0) / 60) * 60000 AS first_response,
    sum(conversations_resolved) AS resolved,
    round(sum(avg_resolution_seconds * conversations_resolved)
        / nullif(sum(CASE WHEN avg_resolution_seconds IS NOT NULL THEN conversations_resolved END), 0) / 60) * 60000 AS resolution,
    sum(private_notes) AS notes
FROM bi.daily_agents
GROUP BY agent
