CREATE VIEW bi.conversations AS
SELECT
    conversation.account_id,
    conversation.id AS conversation_id,
    account.base_url || '/app/accounts/' || conversation.account_id || '/conversations/' || conversation.id AS conversation_url,
    conversation.status,
    conversation.priority,
    coalesce(channel.channel, replace(conversation.channel, 'Channel::', '')) AS channel,
    conversation.inbox_id,
    inbox.name AS inbox,
    conversation.contact_id,
    CASE
        WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.name
        ELSE 'Contact ' || conversation.contact_id
    END AS contact_name,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.email END AS contact_email,
    CASE WHEN (SELECT allowed FROM helpdesk.personal_data_access) THEN contact.phone_number END AS contact_phone,
    conversation.assignee_id AS agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN conversation.assignee_bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN conversation.assignee_id IS NOT NULL THEN 'agent' WHEN conversation.assignee_bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    conversation.team_id,
    team.name AS team,
    ARRAY(
        SELECT label.label FROM helpdesk.conversation_labels AS label
        WHERE label.account_id = conversation.account_id AND label.conversation_id = conversation.id
        ORDER BY label.label
    ) AS labels,
    (
        SELECT string_agg(label.label, ', ' ORDER BY label.label) FROM helpdesk.conversation_labels AS label
        WHERE label.account_id = conversation.account_id AND label.conversation_id = conversation.id
    ) AS labels_text,
    begun.at AS opened_at,
    (begun.at AT TIME ZONE account.time_zone)::date AS opened_on,
    conversation.last_activity_at,
    wait.answered_at AS first_reply_at,
    wait.reply_seconds AS first_response_seconds,
    wait.reply_business_seconds AS first_response_business_seconds,
    coalesce(wait.is_known, true) AS is_first_response_known,
    opening.resolved_at,
    opening.resolved_at_is,
    opening.resolution_seconds,
    opening.resolution_business_seconds,
    opening.opening - 1 AS reopen_count,
    CASE WHEN conversation.deleted_at IS NULL THEN going_on.waiting_since END AS waiting_since,
    conversation.snoozed_until,
    conversation.unread_count AS unread_messages,
    counted.messages_in,
    counted.messages_out,
    counted.messages_failed,
    counted.private_notes,
    counted.bot_messages,
    (
        SELECT answer.rating FROM helpdesk.csat_answers AS answer
        WHERE answer.account_id = conversation.account_id AND answer.conversation_id = conversation.id
        ORDER BY answer.answered_at DESC NULLS LAST, answer.message_id DESC NULLS LAST LIMIT 1
    ) AS csat_rating,
    conversation.custom_attributes,
    conversation.deleted_at IS NOT NULL AS is_deleted,
    conversation.deleted_at
FROM helpdesk.conversations AS conversation
-- Dated ahead, it began when it was first seen, at the latest; as the timeline has it.
-- Not from the timeline, which would have to be joined to all conversations to find those of a day.
CROSS JOIN LATERAL (SELECT least(conversation.created_at, conversation.first_synced_at) AS at) AS begun
LEFT JOIN helpdesk.accounts AS account ON account.account_id = conversation.account_id
LEFT JOIN helpdesk.contacts AS contact
  ON contact.account_id = conversation.account_id AND contact.id = conversation.contact_id
LEFT JOIN helpdesk.agents AS agent
  ON agent.account_id = conversation.account_id AND agent.id = conversation.assignee_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = conversation.account_id AND bot.type = conversation.assignee_bot_type AND bot.id = conversation.assignee_bot_id
LEFT JOIN helpdesk.inboxes AS inbox
  ON inbox.account_id = conversation.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel
  ON channel.account_id = conversation.account_id AND channel.inbox_id = conversation.inbox_id
LEFT JOIN helpdesk.teams AS team ON team.account_id = conversation.account_id AND team.id = conversation.team_id
LEFT JOIN helpdesk.conversation_openings AS opening
  ON opening.account_id = conversation.account_id AND opening.conversation_id = conversation.id AND opening.is_current
LEFT JOIN helpdesk.customer_waits AS wait
  ON wait.account_id = conversation.account_id AND wait.conversation_id = conversation.id
 AND wait.opening = 1 AND wait.is_first
-- At most one: the last.
LEFT JOIN helpdesk.customer_waits AS going_on
  ON going_on.account_id = conversation.account_id AND going_on.conversation_id = conversation.id
 AND going_on.ended_at IS NULL AND going_on.is_known
LEFT JOIN LATERAL (
    SELECT
        count(*) FILTER (WHERE message.direction = 'in') AS messages_in,
        count(*) FILTER (WHERE message.direction = 'out' AND NOT message.is_failed) AS messages_out,
        count(*) FILTER (WHERE message.is_failed) AS messages_failed,
        count(*) FILTER (WHERE message.private) AS private_notes,
        count(*) FILTER (WHERE message.author_kind = 'bot' AND message.direction = 'out' AND NOT message.is_failed) AS bot_messages
    FROM helpdesk.message_kinds AS message
    WHERE message.account_id = conversation.account_id AND message.conversation_id = conversation.id
) AS counted ON true;

COMMENT ON VIEW bi.conversations IS 'One row a conversation, with everything that is usually asked of it';
COMMENT ON COLUMN bi.conversations.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.conversations.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.conversations.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.conversations.status IS 'open, resolved, pending, snoozed';
COMMENT ON COLUMN bi.conversations.priority IS 'low, medium, high, urgent; NULL: not set';
COMMENT ON COLUMN bi.conversations.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.conversations.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.conversations.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.conversations.contact_id IS 'Number of the contact';
COMMENT ON COLUMN bi.conversations.contact_name IS 'Name of the contact; ''Contact 17'' for who may not see personal data';
COMMENT ON COLUMN bi.conversations.contact_email IS 'E-mail address; NULL for who may not see personal data';
COMMENT ON COLUMN bi.conversations.contact_phone IS 'Phone number; NULL for who may not see personal data';
COMMENT ON COLUMN bi.conversations.agent_id IS 'Number of the agent to whom it is assigned; NULL: to nobody, or to a bot';
COMMENT ON COLUMN bi.conversations.agent IS 'Name of the agent to whom it is assigned';
COMMENT ON COLUMN bi.conversations.owner IS 'Name of the agent or bot to whom it is assigned';
COMMENT ON COLUMN bi.conversations.owner_kind IS 'agent or bot; NULL: it is assigned to nobody';
COMMENT ON COLUMN bi.conversations.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.conversations.team IS 'Name of the team';
COMMENT ON COLUMN bi.conversations.labels IS 'Labels, in alphabetical order';
COMMENT ON COLUMN bi.conversations.labels_text IS 'The same as one text, with commas';
COMMENT ON COLUMN bi.conversations.opened_at IS 'When its record was made (UTC); dated ahead, when it was first seen. Of an import bi.resolutions may have an earlier time: that of its first message';
COMMENT ON COLUMN bi.conversations.opened_on IS 'Day on which it began, in the account''s time zone';
COMMENT ON COLUMN bi.conversations.last_activity_at IS 'Last activity (UTC)';
COMMENT ON COLUMN bi.conversations.first_reply_at IS 'When a person answered the first message of the contact (UTC); NULL: not yet, not before it was resolved, or not known';
COMMENT ON COLUMN bi.conversations.first_response_seconds IS 'Seconds from the first message of the contact to that';
COMMENT ON COLUMN bi.conversations.first_response_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.conversations.is_first_response_known IS 'False: the author of a message is not told that may be the first response';
COMMENT ON COLUMN bi.conversations.resolved_at IS 'When it was resolved the last time (UTC); NULL: it is not resolved';
COMMENT ON COLUMN bi.conversations.resolved_at_is IS 'told (by an activity), bounded (by messages and runs), not known (its seconds are NULL); NULL: it is not resolved';
COMMENT ON COLUMN bi.conversations.resolution_seconds IS 'Seconds from the beginning, or from the last reopening, to that';
COMMENT ON COLUMN bi.conversations.resolution_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.conversations.reopen_count IS 'How often it came back after it was resolved';
COMMENT ON COLUMN bi.conversations.waiting_since IS 'Since when the contact waits for a person''s reply (UTC); NULL: does not wait, or it is not known';
COMMENT ON COLUMN bi.conversations.snoozed_until IS 'When a snoozed one opens again (UTC)';
COMMENT ON COLUMN bi.conversations.unread_messages IS 'Messages that no agent has seen, when last read';
COMMENT ON COLUMN bi.conversations.messages_in IS 'Messages from the contact';
COMMENT ON COLUMN bi.conversations.messages_out IS 'Messages to the contact, those of bots and templates included; without failed ones, and those of which it is not known whether they are notes';
COMMENT ON COLUMN bi.conversations.messages_failed IS 'Messages that were to reach the contact, and did not';
COMMENT ON COLUMN bi.conversations.private_notes IS 'Notes that the contact does not see';
COMMENT ON COLUMN bi.conversations.bot_messages IS 'Messages to the contact that a bot wrote';
COMMENT ON COLUMN bi.conversations.csat_rating IS 'Last satisfaction rating, 1 (worst) to 5 (best)';
COMMENT ON COLUMN bi.conversations.custom_attributes IS 'Custom attributes as JSON; see conversation_attributes for columns';
COMMENT ON COLUMN bi.conversations.is_deleted IS 'Whether it was deleted upstream';
COMMENT ON COLUMN bi.conversations.deleted_at IS 'When a run found that (UTC)';
