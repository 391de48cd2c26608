-- First what happened to which conversation on which day, found by the indexes on time; then the conversations once.
-- Openings and resolutions are those of bi.daily_backlog, so that stock and flow agree.
CREATE VIEW bi.daily_volume AS
WITH counted AS (
    SELECT
        day.account_id, day.day, opened.conversation_id, opened.conversations AS opened, opened.reopenings AS reopened,
        0 AS resolved, 0 AS bot_resolutions, 0 AS deleted, 0 AS bot_handoffs, 0 AS questions, 0 AS unanswered,
        0 AS messages_in, 0 AS messages_out, 0 AS messages_failed, 0 AS private_notes, 0 AS bot_messages
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            opening.conversation_id,
            count(*) FILTER (WHERE opening.opening = 1) AS conversations,
            count(*) FILTER (WHERE opening.opening > 1) AS reopenings
        FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = day.account_id
          AND opening.opened_at >= day.starts_at AND opening.opened_at < day.ends_at
        GROUP BY opening.conversation_id
    ) AS opened
    UNION ALL
    SELECT day.account_id, day.day, resolved.conversation_id, 0, 0, resolved.times, resolved.by_bots, 0, 0, 0, 0, 0, 0, 0, 0, 0
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT opening.conversation_id, count(*) AS times, count(opening.bot_id) AS by_bots
        FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = day.account_id
          AND opening.resolved_at >= day.starts_at AND opening.resolved_at < day.ends_at
        GROUP BY opening.conversation_id
    ) AS resolved
    UNION ALL
    SELECT day.account_id, day.day, gone.id, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0
    FROM bi.calendar AS day
    JOIN helpdesk.conversations AS gone
      ON gone.account_id = day.account_id AND gone.deleted_at >= day.starts_at AND gone.deleted_at < day.ends_at
    WHERE EXISTS (
        SELECT FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = gone.account_id AND opening.conversation_id = gone.id
          AND (opening.resolved_at IS NULL OR opening.resolved_at > gone.deleted_at)
    )
    UNION ALL
    SELECT day.account_id, day.day, handed.conversation_id, 0, 0, 0, 0, 0, handed.times, 0, 0, 0, 0, 0, 0, 0
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT event.conversation_id, count(*) AS times
        FROM helpdesk.conversation_events AS event
        WHERE event.account_id = day.account_id AND event.kind = 'handed_off'
          AND event.at >= day.starts_at AND event.at < day.ends_at
        GROUP BY event.conversation_id
    ) AS handed
    UNION ALL
    SELECT day.account_id, day.day, asked.conversation_id, 0, 0, 0, 0, 0, 0, asked.questions, asked.unanswered, 0, 0, 0, 0, 0
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT wait.conversation_id, count(*) AS questions, count(*) FILTER (WHERE wait.is_resolved_unanswered) AS unanswered
        FROM helpdesk.customer_waits AS wait
        WHERE wait.account_id = day.account_id AND wait.is_known
          AND wait.waiting_since >= day.starts_at AND wait.waiting_since < day.ends_at
        GROUP BY wait.conversation_id
    ) AS asked
    UNION ALL
    SELECT
        day.account_id, day.day, sent.conversation_id, 0, 0, 0, 0, 0, 0, 0, 0,
        sent.messages_in, sent.messages_out, sent.messages_failed, sent.private_notes, sent.bot_messages
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            message.conversation_id,
            count(*) FILTER (WHERE message.direction = 'in') AS messages_in,
            count(*) FILTER (WHERE message.direction = 'out' AND NOT message.is_failed) AS messages_out,
            count(*) FILTER (WHERE message.is_failed) AS messages_failed,
            count(*) FILTER (WHERE message.private) AS private_notes,
            count(*) FILTER (WHERE message.direction = 'out' AND message.author_kind = 'bot' AND NOT message.is_failed)
                AS bot_messages
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = day.account_id
          AND message.created_at >= day.starts_at AND message.created_at < day.ends_at
        GROUP BY message.conversation_id
    ) AS sent
), summed AS (
    SELECT
        counted.account_id, counted.day, conversation.inbox_id, conversation.team_id,
        sum(opened)::bigint AS conversations_opened, sum(reopened)::bigint AS conversations_reopened,
        sum(resolved)::bigint AS conversations_resolved, sum(bot_resolutions)::bigint AS bot_resolutions,
        sum(deleted)::bigint AS conversations_deleted, sum(bot_handoffs)::bigint AS bot_handoffs,
        sum(questions)::bigint AS questions, sum(unanswered)::bigint AS unanswered,
        sum(messages_in)::bigint AS messages_in, sum(messages_out)::bigint AS messages_out,
        sum(messages_failed)::bigint AS messages_failed, sum(private_notes)::bigint AS private_notes,
        sum(bot_messages)::bigint AS bot_messages
    FROM counted
    JOIN helpdesk.conversations AS conversation
      ON conversation.account_id = counted.account_id AND conversation.id = counted.conversation_id
    GROUP BY counted.account_id, counted.day, conversation.inbox_id, conversation.team_id
)
SELECT
    summed.account_id,
    summed.day,
    summed.inbox_id,
    inbox.name AS inbox,
    channel.channel,
    summed.team_id,
    team.name AS team,
    summed.conversations_opened,
    summed.conversations_reopened,
    summed.conversations_resolved,
    summed.bot_resolutions,
    summed.conversations_deleted,
    summed.bot_handoffs,
    summed.questions,
    summed.unanswered,
    summed.messages_in,
    summed.messages_out,
    summed.messages_failed,
    summed.private_notes,
    summed.bot_messages
FROM summed
LEFT JOIN helpdesk.inboxes AS inbox ON inbox.account_id = summed.account_id AND inbox.id = summed.inbox_id
LEFT JOIN helpdesk.inbox_channels AS channel ON channel.account_id = inbox.account_id AND channel.inbox_id = inbox.id
LEFT JOIN helpdesk.teams AS team ON team.account_id = summed.account_id AND team.id = summed.team_id;

COMMENT ON VIEW bi.daily_volume IS 'What came in and went out: a row a day, inbox and team';
COMMENT ON COLUMN bi.daily_volume.account_id IS 'The vendor''s number of the account';
COMMENT ON COLUMN bi.daily_volume.day IS 'Day in the account''s time zone';
COMMENT ON COLUMN bi.daily_volume.inbox_id IS 'Number of the inbox';
COMMENT ON COLUMN bi.daily_volume.inbox IS 'Name of the inbox';
COMMENT ON COLUMN bi.daily_volume.channel IS 'Kind of channel, in words: Website, E-mail, WhatsApp ...';
COMMENT ON COLUMN bi.daily_volume.team_id IS 'Number of the team that the conversation has now';
COMMENT ON COLUMN bi.daily_volume.team IS 'Name of the team';
COMMENT ON COLUMN bi.daily_volume.conversations_opened IS 'Conversations that began';
COMMENT ON COLUMN bi.daily_volume.conversations_reopened IS 'Times a conversation came back after it was resolved';
COMMENT ON COLUMN bi.daily_volume.conversations_resolved IS 'Times a conversation was resolved';
COMMENT ON COLUMN bi.daily_volume.bot_resolutions IS 'Times a conversation was resolved that a bot owned then';
COMMENT ON COLUMN bi.daily_volume.conversations_deleted IS 'Conversations that were not resolved when a run found them gone';
COMMENT ON COLUMN bi.daily_volume.bot_handoffs IS 'Times a bot gave a conversation to people, by when a run saw it';
COMMENT ON COLUMN bi.daily_volume.questions IS 'Times a contact began to wait for a reply; without those of which it is not known whether they were answered';
COMMENT ON COLUMN bi.daily_volume.unanswered IS 'Questions that ended by resolving the conversation, without a reply';
COMMENT ON COLUMN bi.daily_volume.messages_in IS 'Messages from contacts';
COMMENT ON COLUMN bi.daily_volume.messages_out IS 'Messages to contacts, those of bots and templates included; without failed ones, and those of which it is not known whether they are notes';
COMMENT ON COLUMN bi.daily_volume.messages_failed IS 'Messages that were to reach contacts, and did not';
COMMENT ON COLUMN bi.daily_volume.private_notes IS 'Notes that contacts do not see';
COMMENT ON COLUMN bi.daily_volume.bot_messages IS 'Messages to contacts that a bot wrote';
