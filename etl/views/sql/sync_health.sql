CREATE VIEW bi.sync_health AS
SELECT
    account.account_id,
    account.name AS account,
    account.time_zone,
    complete.started_at AS data_as_of,
    round((extract(epoch FROM now() - complete.started_at) / 3600)::numeric, 1) AS data_age_hours,
    last.started_at AS last_run_at,
    last.outcome AS last_run_outcome,
    -- They may quote an answer, or the term of a search.
    CASE
        WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN array_to_string(last.problems, ' ')
        WHEN last.problems IS NOT NULL THEN cardinality(last.problems) || ' (see etl runs)'
    END AS problems,
    (
        SELECT min(coalesce(conversation.history_read_at, conversation.first_synced_at))
        FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = account.account_id AND conversation.deleted_at IS NULL
    ) AS oldest_history_read_at,
    whole.unaccounted AS conversations_unaccounted,
    whole.forbidden AS conversations_forbidden,
    whole.unreadable AS conversations_unreadable,
    (audited.audit ->> 'unaccounted')::bigint AS messages_unaccounted,
    (
        SELECT count(*) FROM helpdesk.rejected_records AS rejected
        WHERE rejected.account_id = account.account_id AND rejected.resolved_at IS NULL
    ) AS records_rejected,
    figures.computed_at AS figures_computed_at,
    (
        SELECT count(*) FROM helpdesk.stale_figures AS stale WHERE stale.account_id = account.account_id
    ) AS stale_conversations,
    (
        SELECT count(*) FROM helpdesk.messages AS message
        WHERE message.account_id = account.account_id AND message.created_at > message.first_synced_at
          AND message.removed_at IS NULL
    ) AS messages_dated_ahead,
    (
        SELECT max(run.started_at) FROM helpdesk.sync_runs AS run
        WHERE run.account_id = account.account_id AND run.books <> '{}'
          AND NOT jsonb_path_exists(run.books, '$.* ? (@.vendor != @.ours + @.explained || @.days > 0)')
    ) AS books_agree_as_of,
    verified.finished_at AS verified_at,
    verified.messages_bound AS messages_differing_at_most,
    (
        SELECT sum(left_over.conversations_differing + left_over.messages_differing - left_over.repaired)::bigint
        FROM helpdesk.verifications AS left_over
        WHERE left_over.account_id = account.account_id AND (
            left_over.number = verified.number
            OR left_over.number = (
                SELECT max(any_one.number) FROM helpdesk.verifications AS any_one
                WHERE any_one.account_id = account.account_id
            )
        )
    ) AS rows_found_differing,
    ended.proof AS last_proof,
    account.walked_at AS last_walk_at
FROM helpdesk.accounts AS account
LEFT JOIN LATERAL (
    SELECT
        run.started_at,
        -- A run goes on while its lock is held (etl/load/run_lock.py), by who may write a run down: a reader may take it, too.
        -- One that was killed could not say so.
        CASE WHEN run.outcome <> 'running' OR EXISTS (
            SELECT FROM pg_catalog.pg_locks AS held
            JOIN pg_catalog.pg_stat_activity AS holder ON holder.pid = held.pid
            WHERE has_table_privilege(holder.usesysid, 'helpdesk.sync_runs'::regclass, 'INSERT') AND held.locktype = 'advisory' AND held.objsubid = 1 AND held.granted
              AND held.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
              AND ((held.classid::bigint << 32) | held.objid::bigint)
                  = hashtextextended('etl sync ' || run.account_id, 0)
        ) THEN run.outcome ELSE 'interrupted' END AS outcome,
        run.problems
    FROM helpdesk.sync_runs AS run
    WHERE run.account_id = account.account_id
    ORDER BY run.run_id DESC LIMIT 1
) AS last ON true
LEFT JOIN LATERAL (
    SELECT run.proof FROM helpdesk.sync_runs AS run
    WHERE run.account_id = account.account_id AND run.proof IS NOT NULL
    ORDER BY run.run_id DESC LIMIT 1
) AS ended ON true
LEFT JOIN LATERAL (
    SELECT run.started_at FROM helpdesk.complete_runs AS run
    WHERE run.account_id = account.account_id
    ORDER BY run.run_id DESC LIMIT 1
) AS complete ON true
LEFT JOIN LATERAL (
    SELECT run.unaccounted, run.forbidden, run.unreadable FROM helpdesk.sync_runs AS run
    WHERE run.account_id = account.account_id AND run.unaccounted IS NOT NULL
    ORDER BY run.run_id DESC LIMIT 1
) AS whole ON true
LEFT JOIN helpdesk.figures_computed AS figures ON figures.account_id = account.account_id
LEFT JOIN LATERAL (
    SELECT run.audit FROM helpdesk.sync_runs AS run
    WHERE run.account_id = account.account_id AND run.audit IS NOT NULL
    ORDER BY run.run_id DESC LIMIT 1
) AS audited ON true
LEFT JOIN LATERAL (
    -- What was found of some conversations says nothing of all messages.
    SELECT * FROM helpdesk.verifications AS verification
    WHERE verification.account_id = account.account_id AND verification.selection IS NULL
    ORDER BY verification.number DESC LIMIT 1
) AS verified ON true;

COMMENT ON VIEW bi.sync_health IS 'How far the figures can be trusted: one row an account';
COMMENT ON COLUMN bi.sync_health.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.sync_health.account IS 'Name of the account';
COMMENT ON COLUMN bi.sync_health.time_zone IS 'Time zone in which its days are counted';
COMMENT ON COLUMN bi.sync_health.data_as_of IS 'When the last complete run over the whole account began (UTC), full or of what is recent: the figures hold for that moment';
COMMENT ON COLUMN bi.sync_health.data_age_hours IS 'Hours since then';
COMMENT ON COLUMN bi.sync_health.last_run_at IS 'When the last run of any kind began (UTC)';
COMMENT ON COLUMN bi.sync_health.last_run_outcome IS 'running, complete, incomplete, failed or interrupted, which one that was killed is, too';
COMMENT ON COLUMN bi.sync_health.problems IS 'Why that run is not complete; how many reasons, for who may not see personal data; NULL: nothing';
COMMENT ON COLUMN bi.sync_health.oldest_history_read_at IS 'When the history was read whole whose reading is oldest (UTC): no copy is older. Of one that never was, when it was first seen';
COMMENT ON COLUMN bi.sync_health.conversations_unaccounted IS 'Conversation ids about which nothing is known, at the last full run';
COMMENT ON COLUMN bi.sync_health.conversations_forbidden IS 'Conversations that the token may not see, at the last full run';
COMMENT ON COLUMN bi.sync_health.conversations_unreadable IS 'Conversations that the vendor could not show, at the last full run';
COMMENT ON COLUMN bi.sync_health.messages_unaccounted IS 'Messages that could not be had, at the last run that audited; NULL: none did';
COMMENT ON COLUMN bi.sync_health.records_rejected IS 'Records that could not be stored so far (helpdesk.rejected_records)';
COMMENT ON COLUMN bi.sync_health.figures_computed_at IS 'When the figures were computed last (UTC)';
COMMENT ON COLUMN bi.sync_health.stale_conversations IS 'Conversations that changed since then: their figures are older';
COMMENT ON COLUMN bi.sync_health.messages_dated_ahead IS 'Messages dated after they were first seen: every figure has them then';
COMMENT ON COLUMN bi.sync_health.books_agree_as_of IS 'When the last run began whose counts agree with the vendor''s own books, but for rows that are known to have been deleted (UTC); NULL: none did, or they were never asked for';
COMMENT ON COLUMN bi.sync_health.verified_at IS 'When the last `etl verify` of everything ended, or of a sample of it (UTC); NULL: there was none';
COMMENT ON COLUMN bi.sync_health.messages_differing_at_most IS 'By that, at most this share of the messages differs from the vendor''s, from 0 to 1, with the confidence that it states; NULL: nothing was compared';
COMMENT ON COLUMN bi.sync_health.rows_found_differing IS 'Rows that it, and a later one of some conversations, found to differ and did not repair; NULL: there was none';
COMMENT ON COLUMN bi.sync_health.last_proof IS 'Why nothing is missing, at the last full run: walk (every page was read), or counts (what changed was read, and the vendor counts as many of each status as the tables have)';
COMMENT ON COLUMN bi.sync_health.last_walk_at IS 'When the last complete run began that walked every page (UTC)';
