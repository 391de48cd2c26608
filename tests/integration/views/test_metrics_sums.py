"""What the wide row of conversations and the views beside it count is what the other views add up to."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text

from tests.databases import new_engine
from tests.reference.nights import Desk, every_hour
from tests.reference.world import wild

ANSWERS = """
    INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, message_id, rating)
    SELECT account_id, id, conversation_id, id, 1 + id % 5 FROM helpdesk.messages
    WHERE content_type = 'input_csat' AND id % 2 = 0
"""
# Each pair of queries gives one number.
SUMS = {
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
}


@pytest.fixture(scope="module")
def desk(server_url: str, template: str) -> Iterator[Engine]:
    """A database with a desk on which anything happens, and a run every three hours."""
    with new_engine(server_url, template) as engine:
        made = Desk(engine, wild(5, talks=120, days=8), seed=5)
        made.open()
        for night in every_hour(8)[::3]:
            made.run(night)
        with engine.begin() as connection:
            connection.execute(text(ANSWERS))
        yield engine


def test_two_views_agree(desk: Engine) -> None:
    with desk.connect() as connection:
        found = {name: [connection.scalar(text(query)) for query in pair] for name, pair in SUMS.items()}
    assert {name: both for name, both in found.items() if both[0] != both[1] or not both[0]} == {}
