-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT
    told.*,
    calendar.week_starts_on,
    calendar.is_weekend,
    calendar.is_holiday
FROM {{ ref('stg_helpdesk__daily_surveys') }} AS told
LEFT JOIN {{ ref('stg_helpdesk__calendar') }} AS calendar
    ON calendar.account_id = told.account_id AND calendar.day = told.day
