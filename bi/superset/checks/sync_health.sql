SELECT
    account, time_zone,
    data_as_of AT TIME ZONE time_zone AS data_as_of_local_time,
    data_age_hours,
    books_agree_as_of AT TIME ZONE time_zone AS books_agree_local_time,
    oldest_history_read_at AT TIME ZONE time_zone AS oldest_reading_local_time,
    verified_at AT TIME ZONE time_zone AS verified_local_time,
    messages_differing_at_most, rows_found_differing,
    figures_computed_at AT TIME ZONE time_zone AS figures_computed_local_time,
    stale_conversations, last_run_outcome, problems, conversations_unaccounted, conversations_forbidden,
    conversations_unreadable, messages_unaccounted, records_rejected, messages_dated_ahead
FROM bi.sync_health
