"""What a view counts is what the rows of another view add up to: pairs of queries, each of which gives one number."""

COUNTED = ("messages_in", "messages_out", "messages_failed", "private_notes", "bot_messages")
# Each pair of queries gives one number; what has no time is in no day.
SUMS = {
    **{
        name: (f"SELECT sum({name}) FROM bi.daily_volume", f"SELECT sum({name}) FROM bi.conversations")
        for name in COUNTED
    },
    "messages by hour": (
        "SELECT sum(messages_in) FROM bi.traffic_heatmap",
        "SELECT sum(messages_in) FROM bi.daily_volume",
    ),
    "messages one by one": (
        "SELECT sum(messages_out) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.messages WHERE direction = 'out' AND NOT is_failed AND sent_at IS NOT NULL",
    ),
    "conversations": (
        "SELECT sum(conversations_opened) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.conversations",
    ),
    "conversations by hour": (
        "SELECT sum(conversations_opened) FROM bi.traffic_heatmap",
        "SELECT sum(conversations_opened) FROM bi.daily_volume",
    ),
    "reopenings": (
        "SELECT sum(conversations_reopened) FROM bi.daily_volume",
        "SELECT sum(reopen_count) FROM bi.conversations",
    ),
    "resolutions": (
        "SELECT sum(conversations_resolved) FROM bi.daily_volume",
        "SELECT count(resolved_at) FROM bi.resolutions",
    ),
    "resolutions of people": (
        "SELECT sum(conversations_resolved) FROM bi.daily_agents",
        "SELECT count(*) FROM bi.resolutions WHERE resolved_at IS NOT NULL AND owner_kind = 'agent'",
    ),
    "resolutions of bots": (
        "SELECT sum(bot_resolutions) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.resolutions WHERE resolved_at IS NOT NULL AND owner_kind = 'bot'",
    ),
    "questions": (
        "SELECT sum(questions) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.reply_times WHERE is_known",
    ),
    "unanswered": (
        "SELECT sum(unanswered) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.reply_times WHERE is_resolved_unanswered",
    ),
    "first responses": (
        "SELECT count(*) FROM bi.first_responses WHERE NOT is_after_reopening",
        "SELECT count(first_response_seconds) FROM bi.conversations",
    ),
    "first responses by agent": (
        "SELECT sum(first_responses) FROM bi.daily_agents",
        "SELECT count(*) FROM bi.first_responses WHERE NOT is_after_reopening AND agent_id IS NOT NULL",
    ),
    "responses after a reopening by agent": (
        "SELECT sum(reopening_responses) FROM bi.daily_agents",
        "SELECT count(*) FROM bi.first_responses WHERE is_after_reopening AND agent_id IS NOT NULL",
    ),
    "replies": (
        "SELECT sum(replies) FROM bi.daily_agents",
        "SELECT count(*) FROM bi.messages WHERE is_human_reply AND author_kind = 'agent'",
    ),
    "who waits": (
        "SELECT count(*) FROM bi.reply_times WHERE is_waiting",
        "SELECT count(waiting_since) FROM bi.conversations",
    ),
    "bots that hand off": (
        "SELECT sum(bot_handoffs) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.conversation_events WHERE kind = 'handed_off'",
    ),
    "events": (
        "SELECT count(*) FROM bi.conversation_events WHERE kind = 'resolved'",
        "SELECT count(resolved_at) FROM bi.resolutions",
    ),
}
# What the wide row of conversations and the newer views count.
WIDE_SUMS = {
    "rows of metrics": (
        "SELECT sum(conversations_opened) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.conversation_metrics",
    ),
    "replies of metrics": (
        "SELECT sum(replies) FROM bi.daily_agents",
        "SELECT sum(replies - replies_without_agent) FROM bi.conversation_metrics",
    ),
    "resolutions of metrics": (
        "SELECT sum(conversations_resolved) FROM bi.daily_volume",
        "SELECT sum(resolutions) FROM bi.conversation_metrics",
    ),
    "reopenings of metrics": (
        "SELECT sum(conversations_reopened) FROM bi.daily_volume",
        "SELECT sum(reopenings) FROM bi.conversation_metrics",
    ),
    "questions of metrics": (
        "SELECT sum(questions) FROM bi.daily_volume",
        "SELECT sum(questions) FROM bi.conversation_metrics",
    ),
    "answers of metrics": (
        "SELECT count(*) FROM bi.reply_times WHERE answered_at IS NOT NULL",
        "SELECT sum(questions_answered) FROM bi.conversation_metrics",
    ),
    "hand-offs of metrics": (
        "SELECT sum(bot_handoffs) FROM bi.daily_volume",
        "SELECT sum(bot_handoffs) FROM bi.conversation_metrics",
    ),
    "who waits by metrics": (
        "SELECT count(waiting_since) FROM bi.conversation_metrics",
        "SELECT count(waiting_since) FROM bi.conversations",
    ),
    "first responses of metrics": (
        "SELECT sum(first_response_seconds) FROM bi.first_responses WHERE NOT is_after_reopening",
        "SELECT sum(first_response_seconds) FROM bi.conversation_metrics",
    ),
    "time not resolved": (
        """SELECT sum(resolution_seconds)
            FROM bi.resolutions JOIN bi.conversation_metrics AS of USING (account_id, conversation_id)
            WHERE of.age_seconds IS NULL AND NOT of.is_deleted AND of.unresolved_seconds IS NOT NULL""",
        "SELECT sum(unresolved_seconds) FROM bi.conversation_metrics WHERE age_seconds IS NULL AND NOT is_deleted",
    ),
    "time that contacts waited": (
        """SELECT sum(reply_seconds)
            FROM bi.reply_times JOIN bi.conversation_metrics AS of USING (account_id, conversation_id)
            WHERE of.questions = of.questions_answered
              AND of.waiting_for_us_seconds IS NOT NULL AND of.reopenings = 0""",
        "SELECT sum(waiting_for_us_seconds) FROM bi.conversation_metrics"
        " WHERE questions = questions_answered AND reopenings = 0",
    ),
    "what is open": (
        "SELECT count(age_seconds) FROM bi.conversation_metrics",
        "SELECT count(*) FROM bi.resolutions WHERE is_current AND resolved_at IS NULL AND NOT is_deleted",
    ),
    "replies by hour": (
        "SELECT sum(replies) FROM bi.hourly_agents",
        "SELECT sum(replies) FROM bi.daily_agents",
    ),
    "answers by hour": (
        "SELECT sum(questions_answered) FROM bi.hourly_agents",
        "SELECT count(*) FROM bi.reply_times WHERE answered_at IS NOT NULL AND agent_id IS NOT NULL",
    ),
    "seconds of answers by hour": (
        "SELECT sum(reply_seconds) FROM bi.hourly_agents",
        "SELECT sum(reply_seconds) FROM bi.reply_times WHERE agent_id IS NOT NULL",
    ),
    "messages delivered": (
        "SELECT sum(messages) FROM bi.daily_deliveries WHERE status IS DISTINCT FROM 'failed'",
        "SELECT sum(messages_out) FROM bi.daily_volume",
    ),
    "messages that failed": (
        "SELECT sum(messages) FROM bi.daily_deliveries WHERE status = 'failed'",
        "SELECT sum(messages_failed) FROM bi.daily_volume",
    ),
    "replies delivered": (
        "SELECT sum(replies) FROM bi.daily_deliveries",
        "SELECT sum(replies) FROM bi.conversation_metrics",
    ),
    "surveys": (
        "SELECT sum(surveys_asked) FROM bi.daily_surveys",
        "SELECT sum(surveys_asked) FROM bi.conversation_metrics",
    ),
    "surveys answered": (
        "SELECT sum(surveys_answered) FROM bi.daily_surveys",
        "SELECT sum(surveys_answered) FROM bi.conversation_metrics",
    ),
    "conversations of contacts": (
        "SELECT sum(conversations_opened) FROM bi.daily_contacts",
        "SELECT sum(conversations_opened) FROM bi.daily_volume",
    ),
    "new contacts": (
        "SELECT sum(new_contacts) FROM bi.daily_contacts",
        "SELECT count(*) FROM bi.contacts WHERE conversations > 0",
    ),
    "surveys by answer": (
        "SELECT sum(surveys_answered) FROM bi.daily_surveys",
        "SELECT count(rating) FROM bi.csat",
    ),
    "ratings of metrics": (
        "SELECT count(csat_rating) FROM bi.conversation_metrics",
        "SELECT count(csat_rating) FROM bi.conversations",
    ),
    "contacts by day": (
        "SELECT sum(contacts) FROM bi.daily_contacts",
        "SELECT sum(new_contacts + returning_contacts) FROM bi.daily_contacts",
    ),
    "conversations of each contact": (
        "SELECT sum(conversations) FROM bi.contacts",
        "SELECT count(contact_id) FROM bi.conversations",
    ),
    "messages of bots delivered": (
        "SELECT sum(messages) FROM bi.daily_deliveries WHERE author_kind = 'bot' AND status IS DISTINCT FROM 'failed'",
        "SELECT sum(bot_messages) FROM bi.daily_volume",
    ),
    "replies delivered by hour": (
        "SELECT sum(replies) FROM bi.daily_deliveries WHERE author_kind = 'agent'",
        "SELECT sum(replies) FROM bi.hourly_agents",
    ),
    "conversations by label": (
        "SELECT sum(conversations_opened) FROM bi.daily_labels",
        "SELECT sum(cardinality(labels)) FROM bi.conversations",
    ),
    "resolutions by label": (
        "SELECT sum(conversations_resolved) FROM bi.daily_labels",
        "SELECT sum(resolutions * cardinality(labels))"
        " FROM bi.conversation_metrics JOIN bi.conversations USING (account_id, conversation_id)",
    ),
    "openings that are current": (
        "SELECT count(*) FROM bi.resolutions WHERE is_current",
        "SELECT count(*) FROM bi.conversations",
    ),
    "reopenings that are told": (
        "SELECT count(*) FROM bi.conversation_events WHERE kind = 'reopened'",
        "SELECT sum(reopenings) FROM bi.conversation_metrics",
    ),
    "deletions of what was open": (
        "SELECT sum(conversations_deleted) FROM bi.daily_volume",
        "SELECT count(*) FROM bi.resolutions JOIN bi.conversations AS of USING (account_id, conversation_id)"
        " WHERE of.deleted_at < coalesce(resolutions.resolved_at, 'infinity')",
    ),
    **{
        f"service levels: {name}": (
            f"SELECT sum({name}) FROM bi.daily_service_levels",
            f"SELECT count(*) FROM bi.service_levels WHERE '{name}' IN ('total', replace(result, ' ', '_'))",
        )
        for name in ("total", "met", "breached", "running", "unanswered", "not_known")
    },
}
# Of each inbox and day: what is open is what was, and came, less what was resolved or found gone.
STOCK_WITHOUT_FLOW = """
    WITH stock AS (
        SELECT day, inbox_id, sum(backlog) AS backlog FROM bi.daily_backlog GROUP BY day, inbox_id
    ), flow AS (
        SELECT day, inbox_id,
            sum(conversations_opened + conversations_reopened - conversations_resolved - conversations_deleted) AS more
        FROM bi.daily_volume GROUP BY day, inbox_id
    )
    SELECT stock.day, stock.inbox_id, stock.backlog, before.backlog AS before, flow.more
    FROM stock
    JOIN stock AS before ON before.inbox_id = stock.inbox_id AND before.day = stock.day - 1
    LEFT JOIN flow ON flow.day = stock.day AND flow.inbox_id = stock.inbox_id
    WHERE stock.backlog - before.backlog <> coalesce(flow.more, 0)
"""
