-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id || '-' || conversation_id AS conversation_key,
    account_id,
    conversation_id,
    conversation_url,
    contact_id,
    agent_id,
    agent,
    owner,
    owner_kind,
    inbox_id,
    inbox,
    channel,
    rating,
    is_satisfied,
    answered_at,
    answered_on,
    source,
    is_deleted
FROM {{ source('bi', 'csat') }}
