-- By the conversations in which they were sent.
SELECT sum(surveys_answered)::numeric / nullif(sum(surveys_asked), 0) AS response_rate FROM bi.conversation_metrics
