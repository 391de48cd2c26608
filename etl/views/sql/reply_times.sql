CREATE VIEW bi.reply_times AS
SELECT
    wait.account_id,
    wait.conversation_id,
    account.base_url || '/app/accounts/' || wait.account_id || '/conversations/' || wait.conversation_id AS conversation_url,
    wait.waiting_since,
    (wait.waiting_since AT TIME ZONE account.time_zone)::date AS waiting_on,
    wait.answered_at,
    wait.ended_at,
    wait.question_message_id,
    wait.answer_message_id,
    wait.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    conversation.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    conversation.team_id,
    team.name AS team,
    wait.is_first,
    wait.is_known,
    -- Whether one goes on in which somebody may have replied is not known.
    wait.ended_at IS NULL AND conversation.deleted_at IS NULL AND nullif(wait.is_known, false) AS is_waiting,
    wait.reply_seconds,
    wait.reply_business_seconds,
    wait.reply_seconds_from_assignment,
    wait.is_resolved_unanswered,
    conversation.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.customer_waits AS wait
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = wait.account_id AND conversation.id = wait.conversation_id
LEFT JOIN helpdesk.accounts AS account ON account.account_id = wait.account_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = wait.account_id AND agent.id = wait.agent_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = wait.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = wait.account_id AND team.id = conversation.team_id;

COMMENT ON VIEW bi.reply_times IS 'One row each time a contact waited for an answer';
COMMENT ON COLUMN bi.reply_times.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.reply_times.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.reply_times.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.reply_times.waiting_since IS 'First message of the contact that nobody had answered (UTC)';
COMMENT ON COLUMN bi.reply_times.waiting_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN bi.reply_times.answered_at IS 'First human reply after it (UTC); NULL: there is none, or it is not known';
COMMENT ON COLUMN bi.reply_times.ended_at IS 'When the wait ended by a reply or the resolution (UTC); NULL: not yet';
COMMENT ON COLUMN bi.reply_times.question_message_id IS 'Number of that message';
COMMENT ON COLUMN bi.reply_times.answer_message_id IS 'Number of the reply';
COMMENT ON COLUMN bi.reply_times.agent_id IS 'Number of the agent who replied; NULL where the vendor does not tell';
COMMENT ON COLUMN bi.reply_times.agent IS 'Name of the agent who replied';
COMMENT ON COLUMN bi.reply_times.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.reply_times.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.reply_times.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.reply_times.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.reply_times.team IS 'Name of the team';
COMMENT ON COLUMN bi.reply_times.is_first IS 'Whether it is the first wait since the conversation began or was reopened';
COMMENT ON COLUMN bi.reply_times.is_known IS 'False: the author of a message in it is not told, so that nobody knows whether it was answered';
COMMENT ON COLUMN bi.reply_times.is_waiting IS 'Whether it goes on; NULL: not known';
COMMENT ON COLUMN bi.reply_times.reply_seconds IS 'Seconds from question to reply';
COMMENT ON COLUMN bi.reply_times.reply_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.reply_times.reply_seconds_from_assignment IS 'Seconds to the reply of the agent assigned, from the question or from the assignment if that was later; NULL: not known';
COMMENT ON COLUMN bi.reply_times.is_resolved_unanswered IS 'Whether the conversation was resolved instead of being answered; NULL: not known';
COMMENT ON COLUMN bi.reply_times.is_deleted IS 'Whether the conversation was deleted upstream';
