-- The openings of conversations, from what tells of them: read in the order of time, as a person would read a history.
--
--   message   question (the contact's), reply (of somebody who may be a person), other (a bot's or a template's)
--   activity  the vendor writes one when somebody changes something; its text is in the agent's language, so that only its
--             time is used: the first one after the last message tells when a conversation was resolved
--   seen      what a run saw, a state's beginning or a later run that confirmed it: open (not resolved), or resolved
--   vendor    what the vendor wrote down for its own reports: exactly when it was opened or resolved, and on whom that is
--             booked. As far as its events were read, an activity without one resolved nothing
--
-- Everything that is said of an opening rests on what came before the message that began the next one: what comes later
-- changes nothing of it. docs/metrics.md has the rules, and where they end.
CREATE FUNCTION helpdesk.openings_of(account bigint, ids bigint[]) RETURNS SETOF helpdesk.conversation_openings
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    told record;
    this helpdesk.conversation_openings;
    just_after CONSTANT interval := '1 microsecond';  -- at the moment itself it was seen open
    at_once CONSTANT interval := '5 seconds';
    clocks_apart CONSTANT interval := '1 hour';  -- the vendor's, and the one by which runs tell
    is_open boolean;
    was_open boolean;               -- when the run began that found it open
    was_answered boolean;
    question_at timestamptz;        -- the contact's last message of this opening
    spoken_at timestamptz;          -- the last message of contact or agent in it
    is_asked boolean;               -- whether that one is the contact's
    message_at timestamptz;         -- the last message of anybody in it
    message_id bigint;
    seen_open_at timestamptz;       -- when a run last saw it open
    activity_at timestamptz;        -- the first activity after spoken_at, or after the resolution
    activity_id bigint;
    seen_resolved_at timestamptz;   -- when a run last saw it resolved
    saw_resolved_at timestamptz;    -- when a run first saw that this opening was resolved
    turned_at timestamptz;          -- when the vendor last says that it was opened or resolved
    is_covered boolean;             -- whether the vendor's own events tell of what happens now
    activity_is_covered boolean;    -- whether they did when activity_at was
BEGIN
    FOR told IN SELECT evidence.*, place.is_begin
        FROM helpdesk.evidence_of(account, ids) AS evidence
        -- That a later run found it open counts from when that run began: an activity meanwhile may be of after it looked. Where
        -- it was resolved then, it counts when the run ended: what opened it meanwhile comes first.
        CROSS JOIN LATERAL (
            SELECT evidence.at, false AS is_begin
            UNION ALL
            SELECT evidence.since, true WHERE evidence.kind = 'open' AND evidence.since < evidence.at
        ) AS place
        ORDER BY evidence.conversation_id, place.at NULLS FIRST,
            evidence.is_seen, evidence.id, evidence.kind, evidence.agent_id, place.is_begin
    LOOP
        IF this.conversation_id IS DISTINCT FROM told.conversation_id THEN
            IF this.conversation_id IS NOT NULL THEN
                this.is_current := true;
                RETURN NEXT this;
            END IF;
            this := NULL;
            this.account_id := account;
            this.conversation_id := told.conversation_id;
            this.opening := 1;
            this.opened_at := told.began_at;
            this.opened_by := 'vendor';
            this.opened_not_before := this.opened_at;
            this.opened_not_after := this.opened_at;
            is_open := true;
            was_answered := false;
            question_at := NULL; spoken_at := NULL; is_asked := false; message_at := NULL; message_id := NULL;
            seen_open_at := NULL; seen_resolved_at := NULL; saw_resolved_at := NULL;
            activity_at := NULL; activity_id := NULL;
            turned_at := NULL; is_covered := false; activity_is_covered := false;
        END IF;

        IF told.kind LIKE 'vendor%' OR told.kind = 'unread' THEN
            is_covered := told.kind <> 'unread';
        END IF;
        IF told.is_begin THEN
            was_open := is_open;
        END IF;
        IF told.kind = 'open' AND told.since < told.at AND (told.is_begin <> was_open) THEN
            CONTINUE;
        END IF;
        -- A run that began before the vendor's event may have looked before it.
        IF told.kind IN ('open', 'resolved') AND (told.kind = 'open') <> is_open AND told.begun <= turned_at THEN
            CONTINUE;
        END IF;
        IF told.kind IN ('vendor opened', 'vendor resolved') THEN
            turned_at := told.at;
        END IF;

        -- Muting resolves a conversation, and nothing that the contact writes then opens it.
        IF told.is_muted THEN
            CONTINUE;
        END IF;

        -- The contact came back after an activity that nothing followed: that one resolved it, though no run saw it.
        IF told.kind = 'question' AND is_open AND was_answered AND activity_at IS NOT NULL AND NOT activity_is_covered THEN
            this.resolved_at := activity_at;
            this.resolved_at_is := 'told';
            this.resolved_by := 'inferred';
            this.resolved_message_id := activity_id;
            this.resolved_not_before := spoken_at;
            this.resolved_not_after := told.at;
            is_open := false;
        -- The vendor says when it was; also of what a run saw, by a clock that was behind. Long after that it is another
        -- resolution: somebody has opened it again meanwhile, which nothing tells.
        ELSIF told.kind = 'vendor resolved'
            AND (is_open OR this.resolved_by = 'seen' AND told.at <= saw_resolved_at + clocks_apart) THEN
            this.resolved_at := greatest(told.at, this.opened_at);
            this.resolved_at_is := 'told';
            this.resolved_by := 'vendor';
            this.resolved_message_id := NULL;
            this.resolved_not_before := this.resolved_at;
            this.resolved_not_after := this.resolved_at;
            this.agent_id := told.agent_id;
            IF is_open OR told.agent_id IS NOT NULL THEN
                this.bot_type := NULL;
                this.bot_id := NULL;
            END IF;
            is_open := false;
            seen_resolved_at := NULL;
            activity_at := NULL; activity_id := NULL;
        -- A run saw it resolved. A message that came while the run was reading may have come after what it saw.
        ELSIF told.kind = 'resolved' AND is_open AND (activity_at IS NOT NULL OR coalesce(question_at <= told.since, true)) THEN
            this.resolved_at_is := CASE
                WHEN activity_at IS NOT NULL THEN 'told' WHEN coalesce(message_at, seen_open_at) IS NOT NULL THEN 'bounded'
                ELSE 'not known' END;
            this.resolved_at := coalesce(activity_at, greatest(message_at, seen_open_at + just_after, this.opened_at));
            this.resolved_by := 'seen';
            this.resolved_message_id := coalesce(activity_id, CASE WHEN this.resolved_at = message_at THEN message_id END);
            this.resolved_not_before := coalesce(activity_at, greatest(question_at, seen_open_at + just_after, this.opened_at));
            this.resolved_not_after := coalesce(activity_at, greatest(told.at, this.resolved_at));
            this.agent_id := told.agent_id;
            this.bot_type := told.bot_type;
            this.bot_id := told.bot_id;
            this.team_id := told.team_id;
            is_open := false;
            saw_resolved_at := told.at;
            activity_at := NULL; activity_id := NULL;
        END IF;

        -- It is back: the contact wrote, the vendor says so, or a run saw it open.
        IF NOT is_open AND told.kind IN ('question', 'open', 'vendor opened') THEN
            this.is_current := false;
            RETURN NEXT this;
            IF told.kind <> 'open' THEN
                activity_at := NULL; activity_id := NULL;
            END IF;
            this.opened_at := CASE WHEN told.kind = 'open' THEN coalesce(activity_at, told.at) ELSE told.at END;
            this.opened_by := CASE
                WHEN told.kind = 'question' THEN 'message' WHEN told.kind = 'vendor opened' THEN 'vendor'
                WHEN activity_at IS NOT NULL THEN 'activity' ELSE 'seen' END;
            this.opened_message_id := CASE WHEN told.kind = 'open' THEN activity_id ELSE told.id END;
            this.opened_not_before := CASE
                WHEN told.kind = 'open' THEN coalesce(activity_at, greatest(this.resolved_at, seen_resolved_at)) ELSE told.at END;
            this.opened_not_after := CASE WHEN told.kind = 'open' THEN coalesce(activity_at, told.at) ELSE told.at END;
            this.opening := this.opening + 1;
            this.resolved_at := NULL; this.resolved_at_is := NULL; this.resolved_by := NULL;
            this.resolved_message_id := NULL; this.resolved_not_before := NULL; this.resolved_not_after := NULL;
            this.agent_id := NULL; this.bot_type := NULL; this.bot_id := NULL; this.team_id := NULL;
            is_open := true;
            seen_open_at := NULL;
            IF activity_at IS NULL THEN  -- else what was written since then is of this opening
                was_answered := false;
                question_at := NULL; spoken_at := NULL; is_asked := false; message_at := NULL; message_id := NULL;
            END IF;
            activity_at := NULL; activity_id := NULL;
        END IF;

        IF told.kind IN ('question', 'reply', 'other') AND (is_open OR activity_at IS NOT NULL) THEN
            message_at := told.at;
            message_id := told.id;
            IF told.kind <> 'other' THEN
                spoken_at := told.at;
                is_asked := told.kind = 'question';
                question_at := CASE WHEN is_asked THEN told.at ELSE question_at END;
                was_answered := was_answered OR told.kind = 'reply';
                IF is_open THEN  -- else it may have reopened it, as the next run tells
                    activity_at := NULL; activity_id := NULL;
                END IF;
            END IF;
        ELSIF told.kind = 'activity' AND activity_at IS NULL AND NOT (
            -- The server's own answer to what the contact wrote: it assigns, or says that the message reopened it.
            is_open AND is_asked AND told.at < question_at + at_once
            -- Or what it writes beside its event.
            OR coalesce(told.at < turned_at + at_once, false)
        ) THEN
            activity_at := told.at;
            activity_id := told.id;
            activity_is_covered := is_covered;
            IF NOT is_open THEN
                was_answered := false;
                question_at := NULL; spoken_at := NULL; is_asked := false; message_at := NULL; message_id := NULL;
            END IF;
        ELSIF told.kind = 'open' THEN
            seen_open_at := told.at;
            IF activity_at <= told.since THEN
                activity_at := NULL; activity_id := NULL;  -- of something else: it was still open after it
            END IF;
        ELSIF told.kind = 'resolved' AND NOT is_open THEN
            IF this.resolved_by = 'vendor' AND seen_resolved_at IS NULL THEN
                -- The vendor books on people only, and no team.
                this.team_id := told.team_id;
                this.bot_type := CASE WHEN this.agent_id IS NULL THEN told.bot_type END;
                this.bot_id := CASE WHEN this.agent_id IS NULL THEN told.bot_id END;
            END IF;
            seen_resolved_at := told.at;
            activity_at := NULL; activity_id := NULL;  -- it was still resolved after it
        END IF;
    END LOOP;
    IF this.conversation_id IS NOT NULL THEN
        this.is_current := true;
        RETURN NEXT this;
    END IF;
END
$$;

REVOKE EXECUTE ON FUNCTION helpdesk.openings_of(bigint, bigint[]) FROM PUBLIC;
COMMENT ON FUNCTION helpdesk.openings_of(bigint, bigint[]) IS 'The openings of conversations, without seconds, and without owners of those that no run saw resolved';
