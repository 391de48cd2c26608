-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    inbox_id,
    inbox,
    channel,
    team_id,
    team,
    agent_id,
    agent,
    owner,
    owner_kind,
    open,
    pending,
    snoozed,
    backlog
FROM (
    -- A day that is known of one account only has no sum over both: it gets a row without a number.
    SELECT *
    FROM {{ source('bi', 'daily_backlog') }}
    FULL JOIN (
        SELECT account_id, day FROM {{ source('bi', 'known_days') }}
        WHERE NOT is_known AND day IN (SELECT day FROM {{ source('bi', 'known_days') }} WHERE is_known)
    ) AS unknown USING (account_id, day)
) AS daily_backlog
