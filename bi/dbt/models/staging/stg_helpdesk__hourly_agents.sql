-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    weekday,
    hour,
    agent_id,
    agent,
    inbox_id,
    inbox,
    channel,
    team_id,
    team,
    replies,
    questions_answered,
    reply_seconds
FROM {{ source('bi', 'hourly_agents') }}
