-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    inbox_id,
    inbox,
    channel,
    template,
    author_kind,
    status,
    error_code,
    is_within_24_hours,
    messages,
    replies
FROM {{ source('bi', 'daily_deliveries') }}
