-- Computes the figures of what changed since they were computed, or of everything: of one account, or of all.
-- With the rights of its owner, and nothing of it is the caller's: neither where names are looked for nor the time zone.
-- It stays when the views are made anew, and so do its grants. Servers before 18 count what is switched off as so dear that
-- they would compile each statement for seconds (jit); and a plan is made for the conversations at hand, as one for any
-- number of them takes them for few. What writes figures joins by hashes: what is new has no statistics, and is taken for few.
-- Where everything is computed it tells how far it is. Returns how many conversations were computed. In one transaction, so
-- that who reads meanwhile sees what was before.
CREATE OR REPLACE FUNCTION helpdesk.refresh_figures(account bigint DEFAULT NULL, everything boolean DEFAULT true) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET TimeZone = 'UTC'
SET jit = off SET plan_cache_mode = force_custom_plan SET work_mem = '64MB' AS $$
DECLARE
    these_rules CONSTANT text := '5';  -- higher whenever a rule changes: all figures are then computed anew
    one record;
    ids bigint[];
    computed bigint := 0;
BEGIN
    -- The figures of an account are written by one at a time.
    FOR one IN SELECT accounts.account_id, accounts.time_zone FROM helpdesk.accounts WHERE account IS NULL OR accounts.account_id = account
        ORDER BY accounts.account_id FOR NO KEY UPDATE
    LOOP
        PERFORM helpdesk.write_inbox_days(one.account_id);
        IF everything OR helpdesk.has_lost_figures(one.account_id) OR NOT EXISTS (
            SELECT FROM helpdesk.figures_computed AS known
            WHERE known.account_id = one.account_id AND known.rules = these_rules AND known.time_zone = one.time_zone
        ) THEN
            PERFORM helpdesk.mark_all_stale(one.account_id);
        END IF;
        -- What a run saw otherwise than the figures have it, as it was not certain yet: the next run tells.
        INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
        SELECT opening.account_id, opening.conversation_id
        FROM helpdesk.conversation_openings AS opening
        JOIN helpdesk.conversations AS conversation
          ON conversation.account_id = opening.account_id AND conversation.id = opening.conversation_id
        WHERE opening.account_id = one.account_id AND opening.resolved_at IS NULL AND conversation.status = 'resolved'
        ON CONFLICT DO NOTHING;
        LOOP
            SELECT array_agg(next.conversation_id ORDER BY next.conversation_id) INTO ids FROM (
                SELECT stale.conversation_id FROM helpdesk.stale_figures AS stale
                WHERE stale.account_id = one.account_id ORDER BY stale.conversation_id LIMIT 5000
            ) AS next;
            EXIT WHEN ids IS NULL;
            -- First, so that what somebody is changing now is waited for, and what somebody changes later is noted again.
            DELETE FROM helpdesk.stale_figures AS stale
            WHERE stale.account_id = one.account_id AND stale.conversation_id = ANY(ids);
            PERFORM helpdesk.write_openings(one.account_id, ids);
            PERFORM helpdesk.write_waits(one.account_id, ids);
            PERFORM helpdesk.write_events(one.account_id, ids);
            PERFORM helpdesk.write_spans(one.account_id, ids);
            PERFORM helpdesk.write_obligations(one.account_id, ids);
            PERFORM helpdesk.write_sums(one.account_id, ids);
            computed := computed + cardinality(ids);
            IF everything THEN
                RAISE INFO 'Account %: figures of % conversations', one.account_id, computed;
            END IF;
        END LOOP;
        IF computed > 1000 THEN
            ANALYZE helpdesk.conversation_openings, helpdesk.customer_waits, helpdesk.conversation_events, helpdesk.open_spans,
                helpdesk.obligations, helpdesk.conversation_sums;
        END IF;
        INSERT INTO helpdesk.figures_computed (account_id, computed_at, rules, time_zone)
        VALUES (one.account_id, now(), these_rules, one.time_zone)
        ON CONFLICT (account_id) DO UPDATE
            SET computed_at = excluded.computed_at, rules = excluded.rules, time_zone = excluded.time_zone;
    END LOOP;
    RETURN computed;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.refresh_figures(bigint, boolean) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.refresh_figures(bigint, boolean) IS 'Computes the figures of what changed, or of everything; called by the runs';
