-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    target,
    what,
    within_seconds,
    time,
    inbox_id,
    inbox,
    team_id,
    team,
    total,
    met,
    breached,
    running,
    unanswered,
    not_known
FROM {{ source('bi', 'daily_service_levels') }}
