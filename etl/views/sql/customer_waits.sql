-- A contact waits from the first message that nobody has answered yet until a person replies. A wait that was ended by
-- resolving the conversation has no answer, and a message that reopens it begins a new wait.
CREATE MATERIALIZED VIEW helpdesk.customer_waits AS
WITH events AS (
    SELECT
        account_id, conversation_id, created_at AS at, id AS message_id, agent_id,
        CASE WHEN is_human_reply THEN 'reply' ELSE 'question' END AS kind
    FROM helpdesk.message_kinds
    WHERE (is_human_reply OR direction = 'in') AND created_at IS NOT NULL
    UNION ALL
    SELECT account_id, conversation_id, resolved_at, NULL, NULL, 'resolved'
    FROM helpdesk.conversation_openings
    WHERE resolved_at IS NOT NULL
), ordered AS (
    SELECT
        events.*,
        lag(kind) OVER earlier AS before,
        1 + count(*) FILTER (WHERE kind = 'resolved') OVER earlier AS opening
    FROM events
    WINDOW earlier AS (PARTITION BY account_id, conversation_id ORDER BY at, message_id NULLS LAST)
), turns AS (
    SELECT
        ordered.*,
        lead(kind) OVER later AS ended_by,
        lead(at) OVER later AS ended_at,
        lead(message_id) OVER later AS answer_message_id,
        lead(agent_id) OVER later AS answered_by
    FROM ordered
    WHERE (kind = 'question') IS DISTINCT FROM (before = 'question') AND (kind = 'question' OR before IS NOT NULL)
    WINDOW later AS (PARTITION BY account_id, conversation_id ORDER BY at, message_id NULLS LAST)
), assignments AS (
    SELECT account_id, conversation_id, assignee_id, min(valid_from) AS since, nullif(max(coalesce(valid_to, 'infinity')), 'infinity') AS until
    FROM (
        SELECT states.*, sum(turned) OVER (PARTITION BY account_id, conversation_id ORDER BY valid_from) AS island
        FROM (
            SELECT
                account_id, conversation_id, valid_from, valid_to, assignee_id,
                (assignee_id IS DISTINCT FROM lag(assignee_id) OVER (PARTITION BY account_id, conversation_id ORDER BY valid_from))::int AS turned
            FROM helpdesk.conversation_states
        ) AS states
    ) AS islands
    WHERE assignee_id IS NOT NULL
    GROUP BY account_id, conversation_id, assignee_id, island
)
SELECT
    turns.account_id,
    turns.conversation_id,
    turns.opening::int AS opening,
    row_number() OVER (PARTITION BY turns.account_id, turns.conversation_id, turns.opening ORDER BY turns.at, turns.message_id) = 1 AS is_first,
    turns.message_id AS question_message_id,
    turns.at AS waiting_since,
    answer.message_id AS answer_message_id,
    answer.at AS answered_at,
    answer.agent_id,
    extract(epoch FROM answer.at - turns.at)::bigint AS reply_seconds,
    helpdesk.business_seconds(turns.at, first, answer.at, last) AS reply_business_seconds,
    -- Not known, it must not become the time since the question: greatest() passes over NULL.
    CASE WHEN assignment.since IS NOT NULL THEN extract(epoch FROM answer.at - greatest(turns.at, assignment.since))::bigint END
        AS reply_seconds_from_assignment,
    coalesce(turns.ended_by = 'resolved', false) AS is_resolved_unanswered
FROM turns
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN turns.ended_by = 'reply' THEN turns.ended_at END AS at,
        CASE WHEN turns.ended_by = 'reply' THEN turns.answer_message_id END AS message_id,
        CASE WHEN turns.ended_by = 'reply' THEN turns.answered_by END AS agent_id
) AS answer
JOIN helpdesk.conversations AS conversation
  ON conversation.account_id = turns.account_id AND conversation.id = turns.conversation_id
LEFT JOIN helpdesk.business_hours AS hours
  ON hours.account_id = conversation.account_id AND hours.inbox_id = conversation.inbox_id
LEFT JOIN helpdesk.business_days AS first
  ON first.inbox_day = concat_ws(' ', hours.account_id, hours.inbox_id, (turns.at AT TIME ZONE hours.time_zone)::date)
LEFT JOIN helpdesk.business_days AS last
  ON last.inbox_day = concat_ws(' ', hours.account_id, hours.inbox_id, (answer.at AT TIME ZONE hours.time_zone)::date)
LEFT JOIN assignments AS assignment
  ON assignment.account_id = turns.account_id AND assignment.conversation_id = turns.conversation_id
 AND assignment.assignee_id = answer.agent_id
 AND assignment.since <= answer.at AND (assignment.until IS NULL OR assignment.until > answer.at)
WHERE turns.kind = 'question';

CREATE UNIQUE INDEX customer_waits_key ON helpdesk.customer_waits (account_id, question_message_id);
CREATE INDEX customer_waits_conversation ON helpdesk.customer_waits (account_id, conversation_id);
CREATE INDEX customer_waits_since ON helpdesk.customer_waits (account_id, waiting_since);
CREATE INDEX customer_waits_answered ON helpdesk.customer_waits (account_id, answered_at);

COMMENT ON MATERIALIZED VIEW helpdesk.customer_waits IS 'Each time a contact waited for an answer; refreshed by the runs';
COMMENT ON COLUMN helpdesk.customer_waits.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN helpdesk.customer_waits.conversation_id IS 'The conversation';
COMMENT ON COLUMN helpdesk.customer_waits.opening IS 'In which opening of the conversation (see conversation_openings)';
COMMENT ON COLUMN helpdesk.customer_waits.is_first IS 'Whether it is the first wait of this opening';
COMMENT ON COLUMN helpdesk.customer_waits.question_message_id IS 'The first message that was not answered yet';
COMMENT ON COLUMN helpdesk.customer_waits.waiting_since IS 'When it was written (UTC)';
COMMENT ON COLUMN helpdesk.customer_waits.answer_message_id IS 'The reply; NULL: there is none';
COMMENT ON COLUMN helpdesk.customer_waits.answered_at IS 'When the reply was written (UTC); NULL: there is none';
COMMENT ON COLUMN helpdesk.customer_waits.agent_id IS 'Who replied; NULL where the vendor does not tell';
COMMENT ON COLUMN helpdesk.customer_waits.reply_seconds IS 'Seconds from question to reply';
COMMENT ON COLUMN helpdesk.customer_waits.reply_business_seconds IS 'The same within the inbox''s working hours; NULL where it has none';
COMMENT ON COLUMN helpdesk.customer_waits.reply_seconds_from_assignment IS 'Seconds from question, or from the later assignment, to the reply of the agent assigned; NULL: not known';
COMMENT ON COLUMN helpdesk.customer_waits.is_resolved_unanswered IS 'Whether the conversation was resolved instead of being answered';
