CREATE VIEW bi.hourly_agents AS
WITH done AS (
    SELECT
        day.account_id, day.day, sent.hour, sent.agent_id, sent.conversation_id, sent.replies,
        0 AS questions_answered, 0 AS reply_seconds
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            message.agent_id, message.conversation_id,
            extract(hour FROM message.created_at AT TIME ZONE day.time_zone)::int AS hour, count(*) AS replies
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = day.account_id AND message.agent_id IS NOT NULL AND message.is_human_reply
          AND message.created_at >= day.starts_at AND message.created_at < day.ends_at
        GROUP BY 1, 2, 3
    ) AS sent
    UNION ALL
    SELECT
        day.account_id, day.day, answered.hour, answered.agent_id, answered.conversation_id, 0,
        answered.questions, answered.seconds
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            wait.agent_id, wait.conversation_id, extract(hour FROM wait.answered_at AT TIME ZONE day.time_zone)::int AS hour,
            count(*) AS questions, sum(wait.reply_seconds)::bigint AS seconds
        FROM helpdesk.customer_waits AS wait
        WHERE wait.account_id = day.account_id AND wait.agent_id IS NOT NULL
          AND wait.answered_at >= day.starts_at AND wait.answered_at < day.ends_at
        GROUP BY 1, 2, 3
    ) AS answered
), summed AS (
    SELECT
        done.account_id, done.day, done.hour, done.agent_id, conversation.inbox_id, conversation.team_id,
        sum(done.replies)::bigint AS replies,
        sum(done.questions_answered)::bigint AS questions_answered,
        CASE WHEN sum(done.questions_answered) > 0 THEN sum(done.reply_seconds)::bigint END AS reply_seconds
    FROM done
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = done.account_id AND conversation.id = done.conversation_id
    GROUP BY done.account_id, done.day, done.hour, done.agent_id, conversation.inbox_id, conversation.team_id
)
SELECT
    summed.account_id,
    summed.day,
    extract(isodow FROM summed.day)::int AS weekday,
    summed.hour,
    summed.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    summed.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    summed.team_id,
    team.name AS team,
    summed.replies,
    summed.questions_answered,
    summed.reply_seconds
FROM summed
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = summed.account_id AND agent.id = summed.agent_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = summed.account_id AND inbox.id = summed.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = summed.account_id AND team.id = summed.team_id;

COMMENT ON VIEW bi.hourly_agents IS 'When and where agents answer: a row a day, hour, agent, inbox and team';
COMMENT ON COLUMN bi.hourly_agents.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.hourly_agents.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.hourly_agents.weekday IS '1 is Monday, 7 Sunday';
COMMENT ON COLUMN bi.hourly_agents.hour IS 'Hour of the day in the account''s time zone, 0 to 23';
COMMENT ON COLUMN bi.hourly_agents.agent_id IS 'Number of the agent';
COMMENT ON COLUMN bi.hourly_agents.agent IS 'Name of the agent';
COMMENT ON COLUMN bi.hourly_agents.inbox_id IS 'Number of the inbox that the conversation is in now';
COMMENT ON COLUMN bi.hourly_agents.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.hourly_agents.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.hourly_agents.team_id IS 'Number of the team that the conversation has now';
COMMENT ON COLUMN bi.hourly_agents.team IS 'Name of the team';
COMMENT ON COLUMN bi.hourly_agents.replies IS 'Messages to contacts that the agent wrote in this hour';
COMMENT ON COLUMN bi.hourly_agents.questions_answered IS 'Waits of contacts that the agent ended with a reply in this hour';
COMMENT ON COLUMN bi.hourly_agents.reply_seconds IS 'Seconds of all these waits; by their number they are the mean. NULL: there is none';
