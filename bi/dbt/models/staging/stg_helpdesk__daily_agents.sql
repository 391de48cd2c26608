-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    agent_id,
    agent,
    replies,
    failed_replies,
    private_notes,
    conversations_answered,
    first_responses,
    reopening_responses,
    avg_first_response_seconds,
    avg_reply_seconds,
    conversations_resolved,
    avg_resolution_seconds
FROM {{ source('bi', 'daily_agents') }}
