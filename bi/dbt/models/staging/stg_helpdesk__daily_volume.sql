-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    inbox_id,
    inbox,
    channel,
    team_id,
    team,
    conversations_opened,
    conversations_reopened,
    conversations_resolved,
    bot_resolutions,
    conversations_deleted,
    bot_handoffs,
    questions,
    unanswered,
    messages_in,
    messages_out,
    messages_failed,
    private_notes,
    bot_messages
FROM {{ source('bi', 'daily_volume') }}
