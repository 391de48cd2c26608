CREATE VIEW bi.inboxes AS
SELECT
    inbox.account_id,
    inbox.id AS inbox_id,
    inbox.name AS inbox,
    channel.channel,
    inbox.working_hours_enabled AS has_working_hours,
    inbox.timezone AS time_zone,
    inbox.csat_survey_enabled AS asks_for_rating,
    inbox.enable_auto_assignment AS assigns_by_itself,
    (
        SELECT count(*) FROM helpdesk.inbox_members AS member
        WHERE member.account_id = inbox.account_id AND member.inbox_id = inbox.id AND member.valid_to IS NULL
    ) AS members
FROM helpdesk.inboxes AS inbox
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id;

COMMENT ON VIEW bi.inboxes IS 'One row an inbox, deleted ones included';
COMMENT ON COLUMN bi.inboxes.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.inboxes.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.inboxes.inbox IS 'Name of the inbox; NULL: the list of inboxes was never read';
COMMENT ON COLUMN bi.inboxes.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.inboxes.has_working_hours IS 'Whether the inbox keeps working hours; NULL: not known';
COMMENT ON COLUMN bi.inboxes.time_zone IS 'Time zone of its working hours, an IANA name';
COMMENT ON COLUMN bi.inboxes.asks_for_rating IS 'Whether contacts are asked for a rating when a conversation is resolved';
COMMENT ON COLUMN bi.inboxes.assigns_by_itself IS 'Whether conversations are assigned to agents by themselves';
COMMENT ON COLUMN bi.inboxes.members IS 'How many agents are members, as the last run saw it (who: bi.inbox_members)';
