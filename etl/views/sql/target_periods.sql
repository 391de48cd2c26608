-- The targets with what they are for, in numbers, and from when to when: until the next one of the name begins. NULL is all;
-- a name that nothing has is for nothing, which the runs tell.
CREATE VIEW helpdesk.target_periods AS
SELECT
    target.account_id,
    target.name,
    target.valid_from,
    target.what,
    target.within_seconds,
    target.time,
    target.unseen,
    target.valid_from::timestamp AT TIME ZONE account.time_zone AS since,
    lead(target.valid_from) OVER (PARTITION BY target.account_id, target.name ORDER BY target.valid_from)::timestamp
        AT TIME ZONE account.time_zone AS until,
    CASE WHEN target.inbox IS NOT NULL THEN coalesce(named.inbox_ids, '{}') END AS inbox_ids,
    CASE WHEN target.channel IS NOT NULL THEN coalesce(named.channel_inbox_ids, '{}') END AS channel_inbox_ids,
    CASE WHEN target.team IS NOT NULL THEN coalesce(named.team_ids, '{}') END AS team_ids,
    CASE WHEN target.priority IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(target.priority)) END AS priorities,
    CASE WHEN target.label IS NOT NULL THEN coalesce(named.labels, '{}') END AS labels
FROM helpdesk.targets AS target
JOIN helpdesk.accounts AS account ON account.account_id = target.account_id
LEFT JOIN LATERAL (
    SELECT
        array_agg(known.id) FILTER (WHERE known.kind = 'inbox') AS inbox_ids,
        array_agg(known.id) FILTER (WHERE known.kind = 'channel') AS channel_inbox_ids,
        array_agg(known.id) FILTER (WHERE known.kind = 'team') AS team_ids,
        array_agg(known.label) FILTER (WHERE known.kind = 'label') AS labels
    FROM helpdesk.target_names AS known
    CROSS JOIN LATERAL (
        SELECT CASE known.kind
            WHEN 'inbox' THEN target.inbox
            WHEN 'channel' THEN target.channel
            WHEN 'team' THEN target.team
            WHEN 'label' THEN target.label
        END AS names
    ) AS wanted
    WHERE known.account_id = target.account_id AND EXISTS (
        SELECT FROM jsonb_array_elements(wanted.names) AS given(name)
        WHERE lower(given.name #>> '{}') = known.one AND (jsonb_typeof(given.name) = 'number') = known.is_number
    )
) AS named ON true;

COMMENT ON VIEW helpdesk.target_periods IS 'Service level targets: from when to when, and what they are for, in numbers';
COMMENT ON COLUMN helpdesk.target_periods.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.target_periods.name IS 'What it is called';
COMMENT ON COLUMN helpdesk.target_periods.valid_from IS 'Its first day, in the account''s time zone';
COMMENT ON COLUMN helpdesk.target_periods.what IS 'first_reply, next_reply or resolution';
COMMENT ON COLUMN helpdesk.target_periods.within_seconds IS 'Within how many seconds';
COMMENT ON COLUMN helpdesk.target_periods.time IS 'business or calendar';
COMMENT ON COLUMN helpdesk.target_periods.unseen IS 'not_known or as_next_seen: what is taken for what no run had seen by then';
COMMENT ON COLUMN helpdesk.target_periods.since IS 'When it begins (UTC)';
COMMENT ON COLUMN helpdesk.target_periods.until IS 'When the next one of its name begins (UTC); NULL: there is none';
COMMENT ON COLUMN helpdesk.target_periods.inbox_ids IS 'Inboxes that it names; NULL: all';
COMMENT ON COLUMN helpdesk.target_periods.channel_inbox_ids IS 'Inboxes of the channels that it names; NULL: all';
COMMENT ON COLUMN helpdesk.target_periods.team_ids IS 'Teams; NULL: all, and none';
COMMENT ON COLUMN helpdesk.target_periods.priorities IS 'Priorities; NULL: all, and none';
COMMENT ON COLUMN helpdesk.target_periods.labels IS 'Labels, of which one is enough; NULL: all, and none';
