-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    contacts,
    new_contacts,
    returning_contacts,
    conversations_opened
FROM {{ source('bi', 'daily_contacts') }}
