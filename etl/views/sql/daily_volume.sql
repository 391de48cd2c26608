-- First what happened to which conversation on which day, found by the indexes on time; then the conversations once.
CREATE VIEW bi.daily_volume AS
WITH counted AS (
    SELECT
        day.account_id, day.day, opened.id AS conversation_id, 1 AS opened, 0 AS resolved, 0 AS bot_resolutions,
        0 AS messages_in, 0 AS messages_out, 0 AS private_notes, 0 AS bot_messages
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT conversation.id
        FROM helpdesk.conversations AS conversation
        WHERE conversation.account_id = day.account_id
          AND conversation.created_at >= day.starts_at AND conversation.created_at < day.ends_at
        GROUP BY conversation.id
    ) AS opened
    UNION ALL
    SELECT day.account_id, day.day, resolved.conversation_id, 0, resolved.times, resolved.by_bots, 0, 0, 0, 0
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT opening.conversation_id, count(*) AS times, count(opening.bot_id) AS by_bots
        FROM helpdesk.conversation_openings AS opening
        WHERE opening.account_id = day.account_id
          AND opening.resolved_at >= day.starts_at AND opening.resolved_at < day.ends_at
        GROUP BY opening.conversation_id
    ) AS resolved
    UNION ALL
    SELECT
        day.account_id, day.day, sent.conversation_id, 0, 0, 0,
        sent.messages_in, sent.messages_out, sent.private_notes, sent.bot_messages
    FROM bi.calendar AS day
    CROSS JOIN LATERAL (
        SELECT
            message.conversation_id,
            count(*) FILTER (WHERE message.direction = 'in') AS messages_in,
            count(*) FILTER (WHERE message.direction = 'out') AS messages_out,
            count(*) FILTER (WHERE message.private) AS private_notes,
            count(*) FILTER (WHERE message.direction = 'out' AND message.author_kind = 'bot') AS bot_messages
        FROM helpdesk.message_kinds AS message
        WHERE message.account_id = day.account_id
          AND message.created_at >= day.starts_at AND message.created_at < day.ends_at
        GROUP BY message.conversation_id
    ) AS sent
), summed AS (
    SELECT
        counted.account_id, counted.day, conversation.inbox_id, conversation.team_id,
        sum(opened)::bigint AS conversations_opened, sum(resolved)::bigint AS conversations_resolved,
        sum(bot_resolutions)::bigint AS bot_resolutions,
        sum(messages_in)::bigint AS messages_in, sum(messages_out)::bigint AS messages_out,
        sum(private_notes)::bigint AS private_notes, sum(bot_messages)::bigint AS bot_messages
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
    summed.conversations_resolved,
    summed.bot_resolutions,
    summed.messages_in,
    summed.messages_out,
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
COMMENT ON COLUMN bi.daily_volume.conversations_resolved IS 'Times a conversation was resolved';
COMMENT ON COLUMN bi.daily_volume.bot_resolutions IS 'Those of them in which a bot owned it then';
COMMENT ON COLUMN bi.daily_volume.messages_in IS 'Messages from contacts';
COMMENT ON COLUMN bi.daily_volume.messages_out IS 'Messages to contacts, those of bots and templates included';
COMMENT ON COLUMN bi.daily_volume.private_notes IS 'Notes that contacts do not see';
COMMENT ON COLUMN bi.daily_volume.bot_messages IS 'Messages to contacts that a bot wrote';
