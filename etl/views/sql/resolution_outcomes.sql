-- What became of each resolution. It held for good if nothing reopened the conversation within seven days: not known before
-- they have passed, nor where the bounds of either lie on both sides of them.
CREATE VIEW helpdesk.resolution_outcomes AS
SELECT
    opening.account_id,
    opening.conversation_id,
    opening.opening,
    CASE
        WHEN opening.agent_id IS NOT NULL THEN 'agent'
        WHEN opening.bot_id IS NOT NULL THEN 'bot'
        WHEN opening.resolved_by = 'inferred' THEN 'not known'
        -- Its event names people only: whether a bot owned it is known as a run saw it then.
        WHEN opening.resolved_by = 'vendor' AND NOT EXISTS (
            SELECT FROM helpdesk.conversation_states AS state
            WHERE state.account_id = opening.account_id AND state.conversation_id = opening.conversation_id
              AND state.status = 'resolved' AND coalesce(state.valid_to > opening.resolved_at, true)
              AND coalesce(state.valid_from < following.opened_at, true)
        ) THEN 'not known'
        ELSE 'nobody'
    END AS resolver,
    CASE
        WHEN following.opened_not_after < bounds.earliest + interval '7 days' THEN false
        WHEN following.opened_not_before >= bounds.latest + interval '7 days' THEN true
        WHEN following.opening IS NULL AND least(known.at, conversation.deleted_at) >= bounds.latest + interval '7 days'
            AND known.at IS NOT NULL THEN true
    END AS is_for_good
FROM helpdesk.conversation_openings AS opening
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = opening.account_id AND conversation.id = opening.conversation_id
CROSS JOIN LATERAL (
    SELECT
        CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_before END AS earliest,
        CASE opening.resolved_at_is WHEN 'told' THEN opening.resolved_at ELSE opening.resolved_not_after END AS latest
) AS bounds
LEFT JOIN helpdesk.conversation_openings AS following
  ON following.account_id = opening.account_id AND following.conversation_id = opening.conversation_id
 AND following.opening = opening.opening + 1
LEFT JOIN helpdesk.data_as_of AS known ON known.account_id = opening.account_id
WHERE opening.resolved_at IS NOT NULL;

COMMENT ON VIEW helpdesk.resolution_outcomes IS 'One row for each resolution: who resolved, and whether it held';
COMMENT ON COLUMN helpdesk.resolution_outcomes.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.resolution_outcomes.conversation_id IS 'Number of the conversation';
COMMENT ON COLUMN helpdesk.resolution_outcomes.opening IS 'Which opening it ended';
COMMENT ON COLUMN helpdesk.resolution_outcomes.resolver IS 'Who owned the conversation then: agent, bot, nobody, not known';
COMMENT ON COLUMN helpdesk.resolution_outcomes.is_for_good IS 'Whether it was not reopened within seven days; NULL: they have not passed, or it is not known';
