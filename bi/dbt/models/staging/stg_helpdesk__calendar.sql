-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    account_id,
    day,
    starts_at,
    ends_at,
    year,
    quarter,
    month,
    iso_year,
    iso_week,
    week_starts_on,
    weekday,
    weekday_name,
    is_weekend,
    is_holiday,
    holiday,
    time_zone
FROM {{ source('bi', 'calendar') }}
