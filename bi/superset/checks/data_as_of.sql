-- Of the account of which it is longest ago; not known while there is one that no run has read.
SELECT data_as_of AT TIME ZONE time_zone AS data_as_of_local
FROM bi.sync_health
ORDER BY data_as_of NULLS FIRST
LIMIT 1
