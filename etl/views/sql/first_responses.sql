CREATE VIEW bi.first_responses AS
SELECT
    wait.account_id,
    wait.conversation_id,
    account.base_url || '/app/accounts/' || wait.account_id || '/conversations/' || wait.conversation_id AS conversation_url,
    wait.opening,
    wait.opening > 1 AS is_after_reopening,
    wait.waiting_since AS asked_at,
    (wait.waiting_since AT TIME ZONE account.time_zone)::date AS asked_on,
    wait.answered_at AS responded_at,
    wait.agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    conversation.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    conversation.team_id,
    team.name AS team,
    wait.reply_seconds AS first_response_seconds,
    wait.reply_business_seconds AS first_response_business_seconds,
    conversation.deleted_at IS NOT NULL AS is_deleted
FROM helpdesk.customer_waits AS wait
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = wait.account_id AND conversation.id = wait.conversation_id
LEFT JOIN helpdesk.accounts AS account ON account.account_id = wait.account_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = wait.account_id AND agent.id = wait.agent_id
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = wait.account_id AND inbox.id = conversation.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = wait.account_id AND team.id = conversation.team_id
WHERE wait.is_first AND wait.answered_at IS NOT NULL;

COMMENT ON VIEW bi.first_responses IS 'One row for each opening of a conversation in which a person answered';
COMMENT ON COLUMN bi.first_responses.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.first_responses.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.first_responses.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.first_responses.opening IS '1 for the beginning, 2 for the first reopening ...';
COMMENT ON COLUMN bi.first_responses.is_after_reopening IS 'False: the first response of the conversation; true: the first one after a reopening';
COMMENT ON COLUMN bi.first_responses.asked_at IS 'First message of the contact in this opening (UTC)';
COMMENT ON COLUMN bi.first_responses.asked_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN bi.first_responses.responded_at IS 'First human reply after it (UTC)';
COMMENT ON COLUMN bi.first_responses.agent_id IS 'Number of the agent who replied; NULL where the vendor does not tell';
COMMENT ON COLUMN bi.first_responses.agent IS 'Name of the agent who replied';
COMMENT ON COLUMN bi.first_responses.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.first_responses.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.first_responses.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.first_responses.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.first_responses.team IS 'Name of the team';
COMMENT ON COLUMN bi.first_responses.first_response_seconds IS 'Seconds between the two';
COMMENT ON COLUMN bi.first_responses.first_response_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN bi.first_responses.is_deleted IS 'Whether the conversation was deleted upstream';
