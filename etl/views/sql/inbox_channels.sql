-- What kind of channel an inbox is to a report: this vendor's WhatsApp is an inbox of Channel::Api with a type of its own.
CREATE VIEW helpdesk.inbox_channels AS
SELECT
    inbox.account_id,
    inbox.id AS inbox_id,
    CASE
        WHEN inbox.channel_type = 'Channel::Api' AND inbox.api_type ~ '^wa(_|$)' THEN 'WhatsApp'
        WHEN inbox.channel_type = 'Channel::Api' AND inbox.api_type <> '' THEN 'API (' || inbox.api_type || ')'
        ELSE coalesce(name.channel, replace(inbox.channel_type, 'Channel::', ''))
    END AS channel
FROM helpdesk.inboxes AS inbox
LEFT JOIN helpdesk.channel_names AS name ON name.channel_type = inbox.channel_type;

COMMENT ON VIEW helpdesk.inbox_channels IS 'The kind of channel of each inbox, in words';
COMMENT ON COLUMN helpdesk.inbox_channels.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.inbox_channels.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN helpdesk.inbox_channels.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
