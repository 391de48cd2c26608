-- A made-up account of :conversations conversations with ten messages each, over the year that ends today. Set-based, as
-- a million rows by the job itself would take longer than what is to be measured. Foreign keys hold by construction.
SET session_replication_role = replica;

INSERT INTO helpdesk.accounts (account_id, name, base_url, time_zone)
VALUES (1, 'Bench', 'https://example.com', 'Asia/Jerusalem');
INSERT INTO helpdesk.inboxes (account_id, id, name, channel_type, timezone, working_hours_enabled, working_hours)
SELECT 1, n, 'Inbox ' || n, (ARRAY['Channel::WebWidget', 'Channel::Email', 'Channel::Whatsapp', 'Channel::Api'])[1 + n % 4],
    'Asia/Jerusalem', n % 2 = 0, (
        SELECT jsonb_agg(jsonb_build_object(
            'day_of_week', d, 'closed_all_day', d >= 5, 'open_all_day', false,
            'open_hour', 9, 'open_minutes', 0, 'close_hour', 17, 'close_minutes', 0))
        FROM generate_series(0, 6) AS d)
FROM generate_series(1, 10) AS n;
INSERT INTO helpdesk.agents (account_id, id, name) SELECT 1, n, 'Agent ' || n FROM generate_series(1, 40) AS n;
INSERT INTO helpdesk.teams (account_id, id, name) SELECT 1, n, 'team ' || n FROM generate_series(1, 6) AS n;
INSERT INTO helpdesk.labels (account_id, title) SELECT 1, 'label-' || n FROM generate_series(0, 29) AS n;
INSERT INTO helpdesk.contacts (account_id, id, name, email, created_at)
SELECT 1, n, 'Contact ' || n, 'contact' || n || '@example.com', now() - interval '1 year'
FROM generate_series(1, :conversations / 3 + 1) AS n;

-- One in twenty is still open; one in ten came back after it was resolved.
INSERT INTO helpdesk.conversations
    (account_id, id, status, priority, inbox_id, contact_id, assignee_id, team_id, channel, created_at, last_activity_at, custom_attributes)
SELECT 1, n, CASE WHEN n % 20 = 0 THEN 'open' ELSE 'resolved' END, (ARRAY['low', 'high', 'urgent', NULL])[1 + n % 4], 1 + n % 10, 1 + n % (:conversations / 3),
    nullif(n % 41, 0), nullif(n % 7, 0),
    (ARRAY['Channel::WebWidget', 'Channel::Email', 'Channel::Whatsapp', 'Channel::Api'])[1 + (1 + n % 10) % 4],
    begun, begun + interval '30 hours', jsonb_build_object('plan', (ARRAY['free', 'pro'])[1 + n % 2], 'seats', n % 50)
FROM generate_series(1, :conversations) AS n
CROSS JOIN LATERAL (
    SELECT now() - interval '1 year' + (n * 364.0 / :conversations) * interval '1 day' AS begun
) AS at;
INSERT INTO helpdesk.conversation_labels (account_id, conversation_id, label)
SELECT 1, n, 'label-' || (n % 30) FROM generate_series(1, :conversations) AS n WHERE n % 3 > 0;

-- What runs saw of labels and inboxes before: of one in ten each.
INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
SELECT 1, 'conversation', id, field, before, after, date_trunc('day', created_at) + interval '50 hours'
FROM helpdesk.conversations
CROSS JOIN LATERAL (VALUES
    (1, 'labels', '[]'::jsonb, jsonb_build_array('label-' || (id % 30))), (5, 'inbox_id', to_jsonb(1 + (inbox_id + 1) % 10), to_jsonb(inbox_id))
) AS change (one, field, before, after)
WHERE id % 10 = one;

-- in, out, in, note, out, in, bot, out, in, activity: three hours apart. Of every fifth the bot's is a survey; templates and
-- what failed are among the last answers.
INSERT INTO helpdesk.messages
    (account_id, id, conversation_id, inbox_id, message_type, content_type, content, private, status, sender_type, sender_id,
     content_attributes, additional_attributes, created_at)
SELECT 1, c.id * 10 + k, c.id, c.inbox_id,
    CASE WHEN k = 9 THEN 'activity' WHEN k IN (0, 2, 5, 8) THEN 'incoming' WHEN kind.is_survey THEN 'template' ELSE 'outgoing' END,
    CASE WHEN kind.is_survey THEN 'input_csat' ELSE 'text' END,
    repeat('what was written ', 3 + ((c.id * 7 + k) % 12)::int), k = 3, CASE WHEN kind.has_failed THEN 'failed' ELSE 'sent' END,
    CASE WHEN k = 9 OR kind.is_survey THEN NULL WHEN k IN (0, 2, 5, 8) THEN 'contact' WHEN k = 6 THEN 'agent_bot' ELSE 'user' END,
    CASE WHEN k = 9 OR kind.is_survey THEN NULL WHEN k IN (0, 2, 5, 8) THEN c.contact_id WHEN k = 6 THEN 1 ELSE 1 + (c.id + k) % 40 END,
    CASE WHEN kind.has_failed THEN jsonb_build_object('external_error', (131000 + c.id % 5) || ': it was not delivered') END,
    CASE WHEN k = 7 AND c.id % 4 = 0 THEN jsonb_build_object('template_params', jsonb_build_object('name', 'template ' || c.id % 12)) END,
    c.created_at + k * interval '3 hours' + (c.id % 600) * interval '1 second'
FROM helpdesk.conversations AS c
CROSS JOIN generate_series(0, 9) AS k
CROSS JOIN LATERAL (SELECT k = 6 AND c.id % 5 = 0 AS is_survey, k = 7 AND c.id % 25 = 1 AS has_failed) AS kind;

-- Of one in three the first state has neither agent, team nor priority yet.
INSERT INTO helpdesk.conversation_states (account_id, conversation_id, valid_from, valid_to, status, assignee_id, team_id, priority)
SELECT 1, c.id, state.since, state.until, state.status,
    CASE WHEN NOT state.is_bare THEN c.assignee_id END, CASE WHEN NOT state.is_bare THEN c.team_id END,
    CASE WHEN NOT state.is_bare THEN c.priority END
FROM helpdesk.conversations AS c
CROSS JOIN LATERAL (
    SELECT date_trunc('day', c.created_at) + interval '26 hours' AS first, c.id % 10 = 1 AS comes_back, c.status
) AS at
CROSS JOIN LATERAL (
    VALUES
        (first, CASE WHEN at.status = 'resolved' THEN first + interval '2 days' END, 'open'),
        (first + interval '2 days', CASE WHEN comes_back THEN first + interval '5 days' END, 'resolved'),
        (first + interval '5 days', first + interval '6 days', 'open'),
        (first + interval '6 days', NULL, 'resolved')
) AS told(since, until, status)
CROSS JOIN LATERAL (SELECT told.*, told.since = first AND c.id % 3 = 0 AND at.status = 'resolved' AS is_bare) AS state
WHERE (at.status <> 'resolved' AND state.since = first)
   OR (at.status = 'resolved' AND (comes_back OR state.since <= first + interval '2 days'));

INSERT INTO helpdesk.sync_runs (account_id, kind, outcome, started_at, finished_at, host, process_id, unaccounted)
SELECT 1, 'sync', 'complete', night + interval '2 hours', night + interval '2 hours 10 minutes', 'bench', 1, 0
FROM generate_series(date_trunc('day', now() - interval '364 days'), now(), interval '1 day') AS night;
INSERT INTO helpdesk.targets (account_id, name, valid_from, what, within_seconds, time, unseen, team)
VALUES
    (1, 'first reply', '2020-01-01', 'first_reply', 300, 'business', 'not_known', NULL),
    (1, 'next reply', '2020-01-01', 'next_reply', 14400, 'business', 'as_next_seen', '["team 1", "team 2"]'),
    (1, 'resolution', '2020-01-01', 'resolution', 172800, 'calendar', 'not_known', NULL);

INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, contact_id, assigned_agent_id, rating, created_at)
SELECT 1, id, id, contact_id, assignee_id, 1 + id % 5, created_at + interval '31 hours'
FROM helpdesk.conversations WHERE id % 10 = 0;

RESET session_replication_role;
VACUUM ANALYZE;
