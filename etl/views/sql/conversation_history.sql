CREATE VIEW bi.conversation_history AS
SELECT
    state.account_id,
    state.conversation_id,
    account.base_url || '/app/accounts/' || state.account_id || '/conversations/' || state.conversation_id AS conversation_url,
    greatest(state.valid_from, labelled.since) AS valid_from,
    least(state.valid_to, labelled.until, conversation.deleted_at) AS valid_to,
    state.status,
    state.priority,
    state.assignee_id AS agent_id,
    coalesce(agent.available_name, agent.name) AS agent,
    CASE WHEN state.assignee_bot_id IS NULL THEN coalesce(agent.available_name, agent.name) ELSE bot.name END AS owner,
    CASE WHEN state.assignee_id IS NOT NULL THEN 'agent' WHEN state.assignee_bot_id IS NOT NULL THEN 'bot' END AS owner_kind,
    state.team_id,
    team.name AS team,
    -- What is true now is what the tables say, however it came to be.
    CASE WHEN labelled.until IS NULL THEN coalesce(held.labels, '{}') ELSE labelled.labels END AS labels,
    array_to_string(CASE WHEN labelled.until IS NULL THEN held.labels ELSE labelled.labels END, ', ') AS labels_text,
    state.muted AS is_muted
FROM helpdesk.conversation_states AS state
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = state.account_id AND conversation.id = state.conversation_id
-- Before each change of labels those that it changed, since the one before it; after the last those of the table.
LEFT JOIN (
    SELECT
        change.account_id,
        change.entity_id AS conversation_id,
        CASE WHEN edge.is_last THEN change.seen_at ELSE change.since END AS since,
        CASE WHEN NOT edge.is_last THEN change.seen_at END AS until,
        CASE WHEN NOT edge.is_last AND jsonb_typeof(change.before) = 'array'
            THEN ARRAY(SELECT jsonb_array_elements_text(change.before)) ELSE '{}'
        END AS labels
    FROM (
        SELECT
            account_id,
            entity_id,
            before,
            seen_at,
            lag(seen_at) OVER (PARTITION BY account_id, entity_id ORDER BY seen_at, number) AS since,
            lead(seen_at) OVER (PARTITION BY account_id, entity_id ORDER BY seen_at, number) IS NULL AS is_newest
        FROM helpdesk.field_changes
        WHERE entity = 'conversation' AND field = 'labels'
    ) AS change
    CROSS JOIN (VALUES (false), (true)) AS edge (is_last)
    WHERE change.is_newest OR NOT edge.is_last
) AS labelled
  ON labelled.account_id = state.account_id AND labelled.conversation_id = state.conversation_id
 AND (labelled.since IS NULL OR state.valid_to IS NULL OR labelled.since < state.valid_to)
 AND (labelled.until IS NULL OR labelled.until > state.valid_from)
LEFT JOIN (
    SELECT account_id, conversation_id, array_agg(label ORDER BY label) AS labels
    FROM helpdesk.conversation_labels GROUP BY account_id, conversation_id
) AS held ON held.account_id = state.account_id AND held.conversation_id = state.conversation_id
LEFT JOIN helpdesk.accounts AS account ON account.account_id = state.account_id
LEFT JOIN helpdesk.agents AS agent ON agent.account_id = state.account_id AND agent.id = state.assignee_id
LEFT JOIN helpdesk.bot_names AS bot
  ON bot.account_id = state.account_id AND bot.type = state.assignee_bot_type AND bot.id = state.assignee_bot_id
LEFT JOIN helpdesk.teams AS team ON team.account_id = state.account_id AND team.id = state.team_id
WHERE conversation.deleted_at IS NULL OR conversation.deleted_at > greatest(state.valid_from, labelled.since);

COMMENT ON VIEW bi.conversation_history IS 'Conversations as they were: one row for each time in which nothing of this changed. At a moment: valid_from <= moment AND (valid_to IS NULL OR valid_to > moment). Before a run first saw a conversation nothing is known of it';
COMMENT ON COLUMN bi.conversation_history.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.conversation_history.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN bi.conversation_history.conversation_url IS 'Address of the conversation in the inbox';
COMMENT ON COLUMN bi.conversation_history.valid_from IS 'When a run first saw it so (UTC)';
COMMENT ON COLUMN bi.conversation_history.valid_to IS 'When a run saw something else, or that it was deleted (UTC); NULL: it is so still';
COMMENT ON COLUMN bi.conversation_history.status IS 'open, resolved, pending, snoozed';
COMMENT ON COLUMN bi.conversation_history.priority IS 'low, medium, high, urgent; NULL: not set';
COMMENT ON COLUMN bi.conversation_history.agent_id IS 'Number of the agent to whom it was assigned; NULL: to nobody, or to a bot';
COMMENT ON COLUMN bi.conversation_history.agent IS 'Name of the agent to whom it was assigned';
COMMENT ON COLUMN bi.conversation_history.owner IS 'Name of the agent or bot to whom it was assigned';
COMMENT ON COLUMN bi.conversation_history.owner_kind IS 'agent or bot; NULL: it was assigned to nobody';
COMMENT ON COLUMN bi.conversation_history.team_id IS 'Number of the team';
COMMENT ON COLUMN bi.conversation_history.team IS 'Name of the team';
COMMENT ON COLUMN bi.conversation_history.labels IS 'Labels, in alphabetical order';
COMMENT ON COLUMN bi.conversation_history.labels_text IS 'The same as one text, with commas';
COMMENT ON COLUMN bi.conversation_history.is_muted IS 'Whether the contact was muted or blocked';
