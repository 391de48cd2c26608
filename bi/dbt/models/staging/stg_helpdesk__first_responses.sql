-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id || '-' || conversation_id AS conversation_key,
    account_id,
    conversation_id,
    conversation_url,
    opening,
    is_after_reopening,
    asked_at,
    asked_on,
    responded_at,
    agent_id,
    agent,
    inbox_id,
    inbox,
    channel,
    team_id,
    team,
    first_response_seconds,
    first_response_business_seconds,
    is_deleted
FROM {{ source('bi', 'first_responses') }}
