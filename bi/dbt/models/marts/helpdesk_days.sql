-- Generated from bi/metrics.yml and etl/views/sql/*.sql by docs/generate.py. Change it there, then run `make docs`.
SELECT DISTINCT day
FROM {{ ref('stg_helpdesk__calendar') }} AS calendar
