SELECT
    answered_on,
    '<a href="' || conversation_url || '" target="_blank">' || conversation_id || '</a>' AS conversation,
    inbox, agent, rating, feedback
FROM bi.csat
