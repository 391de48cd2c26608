-- What a contact is owed, each time: a reply to each wait, and a resolution of each opening. A wait that the resolution ended
-- is given up then. Where only bounds of a moment are known, that it is past is known after both, and not before either.
CREATE VIEW helpdesk.owed AS
SELECT
    wait.account_id,
    wait.conversation_id,
    -- As Chatwoot's and Zendesk's have it: the first reply is owed once, after a reopening it is the next.
    CASE WHEN wait.opening = 1 AND wait.is_first THEN 'first_reply' ELSE 'next_reply' END AS what,
    wait.opening,
    wait.question_message_id,
    wait.waiting_since AS since,
    -- Here, so that who asks for a month has the rest looked up for that month only.
    (wait.waiting_since AT TIME ZONE account.time_zone)::date AS began_on,
    false AS was_since_earlier,
    wait.is_known,
    CASE WHEN wait.answered_at IS NOT NULL THEN 'done' WHEN wait.is_resolved_unanswered THEN 'given up' END AS ended_by,
    coalesce(wait.answered_at, given_up.at) AS ended_at,
    coalesce(wait.answered_at, given_up.not_before) AS ended_not_before,
    coalesce(wait.answered_at, given_up.not_after) AS ended_not_after,
    wait.agent_id
FROM helpdesk.customer_waits AS wait
JOIN helpdesk.accounts AS account ON account.account_id = wait.account_id
LEFT JOIN LATERAL (
    SELECT
        CASE WHEN opening.resolved_at_is <> 'not known' THEN wait.ended_at END AS at,
        CASE WHEN opening.resolved_at_is = 'told' THEN wait.ended_at ELSE opening.resolved_not_before END AS not_before,
        CASE WHEN opening.resolved_at_is = 'told' THEN wait.ended_at ELSE opening.resolved_not_after END AS not_after
    FROM helpdesk.conversation_openings AS opening
    WHERE wait.is_resolved_unanswered AND opening.account_id = wait.account_id
      AND opening.conversation_id = wait.conversation_id AND opening.opening = wait.opening
) AS given_up ON true
UNION ALL
SELECT
    opening.account_id,
    opening.conversation_id,
    'resolution',
    opening.opening,
    NULL,
    opening.opened_at,
    (opening.opened_at AT TIME ZONE account.time_zone)::date,
    opening.opened_by = 'seen',
    true,
    CASE WHEN opening.resolved_at IS NOT NULL THEN 'done' END,
    CASE WHEN opening.resolved_at_is <> 'not known' THEN opening.resolved_at END,
    CASE WHEN opening.resolved_at_is = 'told' THEN opening.resolved_at ELSE opening.resolved_not_before END,
    CASE WHEN opening.resolved_at_is = 'told' THEN opening.resolved_at ELSE opening.resolved_not_after END,
    opening.agent_id
FROM helpdesk.conversation_openings AS opening
JOIN helpdesk.accounts AS account ON account.account_id = opening.account_id;

COMMENT ON VIEW helpdesk.owed IS 'What contacts are owed: a reply to each wait, a resolution of each opening';
COMMENT ON COLUMN helpdesk.owed.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.owed.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.owed.what IS 'first_reply, next_reply or resolution';
COMMENT ON COLUMN helpdesk.owed.opening IS 'In, or of which opening';
COMMENT ON COLUMN helpdesk.owed.question_message_id IS 'Of a reply: the message with which the wait began';
COMMENT ON COLUMN helpdesk.owed.since IS 'Since when (UTC)';
COMMENT ON COLUMN helpdesk.owed.began_on IS 'Its day, in the account''s time zone';
COMMENT ON COLUMN helpdesk.owed.was_since_earlier IS 'Whether it may have been owed earlier: only a run tells that it was reopened';
COMMENT ON COLUMN helpdesk.owed.is_known IS 'Whether it is known if somebody replied';
COMMENT ON COLUMN helpdesk.owed.ended_by IS 'done, given up (resolved without a reply); NULL: it is owed still';
COMMENT ON COLUMN helpdesk.owed.ended_at IS 'When (UTC); NULL: it is owed still, or it is not known';
COMMENT ON COLUMN helpdesk.owed.ended_not_before IS 'It did not end before this (UTC)';
COMMENT ON COLUMN helpdesk.owed.ended_not_after IS 'It did not end after this (UTC)';
COMMENT ON COLUMN helpdesk.owed.agent_id IS 'The agent who replied, or to whom it was assigned when it was resolved';
