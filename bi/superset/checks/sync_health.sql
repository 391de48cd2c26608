SELECT
    account, time_zone,
    data_as_of AT TIME ZONE time_zone AS data_as_of_local_time,
    data_age_hours,
    figures_computed_at AT TIME ZONE time_zone AS figures_computed_local_time,
    stale_conversations, last_run_outcome, problems, conversations_unaccounted, conversations_forbidden,
    conversations_unreadable, messages_unaccounted, records_rejected, messages_dated_ahead
FROM bi.sync_health
