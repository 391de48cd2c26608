CREATE VIEW bi.daily_agents AS
WITH done AS (
    SELECT
        day.account_id, day.day, sent.agent_id, sent.replies, sent.failed_replies, sent.private_notes, sent.conversations_answered,
        0 AS first_responses, 0 AS reopening_responses, NULL::numeric AS avg_first_response_seconds, NULL::numeric AS avg_reply_seconds,
        0 AS conversations_resolved, NULL::numeric AS avg_resolution_seconds
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            message.agent_id,
            count(*) FILTER (WHERE message.is_human_reply) AS replies,
            count(*) FILTER (WHERE message.is_failed) AS failed_replies,
            count(*) FILTER (WHERE message.private) AS private_notes,
            count(DISTINCT message.conversation_id) FILTER (WHERE message.is_human_reply) AS conversations_answered
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = day.account_id AND message.agent_id IS NOT NULL
          AND (message.is_human_reply OR (message.private OR message.is_failed) AND message.author_kind = 'agent')
          AND message.created_at >= day.starts_at AND message.created_at < day.ends_at
        GROUP BY message.agent_id
    ) AS sent
    UNION ALL
    SELECT
        day.account_id, day.day, answered.agent_id, 0, 0, 0, 0,
        answered.first_responses, answered.reopening_responses, answered.avg_first_response_seconds, answered.avg_reply_seconds, 0, NULL
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            wait.agent_id,
            count(*) FILTER (WHERE wait.is_first AND wait.opening = 1) AS first_responses,
            count(*) FILTER (WHERE wait.is_first AND wait.opening > 1) AS reopening_responses,
            avg(wait.reply_seconds) FILTER (WHERE wait.is_first AND wait.opening = 1) AS avg_first_response_seconds,
            avg(wait.reply_seconds) AS avg_reply_seconds
        FROM helpdesk.customer_waits AS wait
        WHERE wait.account_id = day.account_id AND wait.agent_id IS NOT NULL
          AND wait.answered_at >= day.starts_at AND wait.answered_at < day.ends_at
        GROUP BY wait.agent_id
    ) AS answered
    UNION ALL
    SELECT
        day.account_id, day.day, resolved.agent_id, 0, 0, 0, 0, 0, 0, NULL, NULL,
        resolved.conversations, resolved.avg_resolution_seconds
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT opening.agent_id, count(*) AS conversations, avg(opening.resolution_seconds) AS avg_resolution_seconds
        FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = day.account_id AND opening.agent_id IS NOT NULL
          AND opening.resolved_at >= day.starts_at AND opening.resolved_at < day.ends_at
        GROUP BY opening.agent_id
    ) AS resolved
), summed AS (
    -- Each figure comes from one of the three, so that their sum, or the one that is not NULL, is the figure.
    SELECT
        account_id, day, agent_id,
        sum(replies)::bigint AS replies,
        sum(failed_replies)::bigint AS failed_replies,
        sum(private_notes)::bigint AS private_notes,
        sum(conversations_answered)::bigint AS conversations_answered,
        sum(first_responses)::bigint AS first_responses,
        sum(reopening_responses)::bigint AS reopening_responses,
        round(max(avg_first_response_seconds))::bigint AS avg_first_response_seconds,
        round(max(avg_reply_seconds))::bigint AS avg_reply_seconds,
        sum(conversations_resolved)::bigint AS conversations_resolved,
        round(max(avg_resolution_seconds))::bigint AS avg_resolution_seconds
    FROM done
    GROUP BY account_id, day, agent_id
)
SELECT
    summed.account_id,
    summed.day,
    summed.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    summed.replies,
    summed.failed_replies,
    summed.private_notes,
    summed.conversations_answered,
    summed.first_responses,
    summed.reopening_responses,
    summed.avg_first_response_seconds,
    summed.avg_reply_seconds,
    summed.conversations_resolved,
    summed.avg_resolution_seconds
FROM summed
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = summed.account_id AND agent.id = summed.agent_id;

COMMENT ON VIEW bi.daily_agents IS 'What each agent did: a row a day and agent; bots are none, and what belongs to nobody is in no row';
COMMENT ON COLUMN bi.daily_agents.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_agents.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.daily_agents.agent_id IS 'Number of the agent';
COMMENT ON COLUMN bi.daily_agents.agent IS 'Name of the agent';
COMMENT ON COLUMN bi.daily_agents.replies IS 'Messages to contacts that the agent wrote';
COMMENT ON COLUMN bi.daily_agents.failed_replies IS 'Messages of the agent that did not reach their contacts; no replies';
COMMENT ON COLUMN bi.daily_agents.private_notes IS 'Private notes that the agent wrote';
COMMENT ON COLUMN bi.daily_agents.conversations_answered IS 'Conversations in which the agent wrote to the contact';
COMMENT ON COLUMN bi.daily_agents.first_responses IS 'First responses of conversations that the agent gave';
COMMENT ON COLUMN bi.daily_agents.reopening_responses IS 'First responses after a reopening that the agent gave';
COMMENT ON COLUMN bi.daily_agents.avg_first_response_seconds IS 'Mean seconds of the first responses of conversations';
COMMENT ON COLUMN bi.daily_agents.avg_reply_seconds IS 'Mean seconds from question to reply, of all replies that ended a wait';
COMMENT ON COLUMN bi.daily_agents.conversations_resolved IS 'Times a conversation was resolved that was assigned to the agent';
COMMENT ON COLUMN bi.daily_agents.avg_resolution_seconds IS 'Mean seconds from opening to that, of those whose time is known';
