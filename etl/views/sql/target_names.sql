-- What a target may name, without regard to capitals, and what it then is for. A channel is that of its inboxes.
CREATE VIEW helpdesk.target_names AS
SELECT inbox.account_id, 'inbox' AS kind, told.one, told.is_number, inbox.id, NULL::text AS label
FROM helpdesk.inboxes AS inbox
CROSS JOIN LATERAL (VALUES (lower(inbox.name), false), (inbox.id::text, true)) AS told(one, is_number)
UNION ALL
SELECT account_id, 'channel', lower(channel), false, inbox_id, NULL
FROM helpdesk.inbox_channels
UNION ALL
SELECT team.account_id, 'team', told.one, told.is_number, team.id, NULL
FROM helpdesk.teams AS team
CROSS JOIN LATERAL (VALUES (lower(team.name), false), (team.id::text, true)) AS told(one, is_number)
UNION ALL
SELECT label.account_id, 'label', told.one, told.is_number, label.id, label.title
FROM helpdesk.labels AS label
CROSS JOIN LATERAL (VALUES (lower(label.title), false), (label.id::text, true)) AS told(one, is_number);

COMMENT ON VIEW helpdesk.target_names IS 'The names and numbers that a service level target may be for';
COMMENT ON COLUMN helpdesk.target_names.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.target_names.kind IS 'inbox, channel, team or label';
COMMENT ON COLUMN helpdesk.target_names.one IS 'Name in small letters, or number';
COMMENT ON COLUMN helpdesk.target_names.is_number IS 'Whether it is a number';
COMMENT ON COLUMN helpdesk.target_names.id IS 'Number of what is named; of a channel, of an inbox of it';
COMMENT ON COLUMN helpdesk.target_names.label IS 'Title of the label';
