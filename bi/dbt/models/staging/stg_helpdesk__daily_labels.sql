-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    label,
    conversations_opened,
    conversations_resolved
FROM {{ source('bi', 'daily_labels') }}
