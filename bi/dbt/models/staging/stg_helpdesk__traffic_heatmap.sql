-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    weekday,
    weekday_name,
    hour,
    inbox_id,
    inbox,
    channel,
    messages_in,
    conversations_opened
FROM {{ source('bi', 'traffic_heatmap') }}
