-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    inbox_id,
    inbox,
    channel,
    surveys_asked,
    surveys_answered
FROM {{ source('bi', 'daily_surveys') }}
