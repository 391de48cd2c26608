"""What every view of figures has by the second reading; what it has not, and why."""

from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import Engine

from tests.reference import by_day, by_row
from tests.reference.compare import Row, base_tables, rows
from tests.reference.whole import Whole


def examined(engine: Engine) -> dict[str, list[Row]]:
    """Return the rows of each view of figures, as the document says."""
    whole = Whole(base_tables(engine), datetime.now(UTC))
    levels = list(by_row.levels(whole))
    read: dict[str, Iterable[Row]] = {
        "conversations": by_row.conversations(whole),
        "conversation_metrics": by_row.metrics(whole),
        "conversation_events": by_row.events(whole),
        "resolutions": by_row.resolutions(whole),
        "reply_times": by_row.reply_times(whole),
        "first_responses": by_row.first_responses(whole),
        "service_levels": levels,
        "csat": by_row.answers(whole),
        "contacts": by_row.contacts(whole),
        "daily_volume": by_day.volume(whole),
        "daily_agents": by_day.agents(whole),
        "hourly_agents": by_day.agents_by_hour(whole),
        "daily_labels": by_day.labels(whole),
        "daily_backlog": by_day.backlog(whole),
        "daily_contacts": by_day.contacts(whole),
        "daily_deliveries": by_day.deliveries(whole),
        "daily_surveys": by_day.surveys(whole, lambda one: by_row.is_answered(whole, one)),
        "daily_service_levels": by_day.levels(levels),
        "traffic_heatmap": by_day.heatmap(whole),
    }
    return {view: [{"account_id": 1} | row for row in of_view] for view, of_view in read.items()}


def differences(wanted: dict[str, list[Row]], engine: Engine) -> dict[str, tuple[list[Row], list[Row]]]:
    """Return, by view, the rows that only the document has, and those that only the view has."""
    found = {}
    for view, of_view in wanted.items():
        names = sorted(of_view[0] if of_view else rows(engine, f"SELECT * FROM bi.{view}")[:1])
        shown = rows(engine, f"SELECT {', '.join(names)} FROM bi.{view}")
        one, other = (sorted([[row[name] for name in names] for row in side], key=str) for side in (of_view, shown))
        if one != other:
            only = [[dict(zip(names, row, strict=True)) for row in side if row not in beside]
                    for side, beside in ((one, other), (other, one))]  # fmt: skip
            found[view] = (only[0], only[1])
    return found


AS_SENT = "as the vendor sends it: tests/integration/views/test_rows.py"
# View: (columns, or none for all of it, and what holds them instead).
ELSEWHERE: dict[str, tuple[str, str]] = {
    "conversations": (
        "contact_name contact_email contact_phone last_activity_at snoozed_until unread_messages custom_attributes",
        AS_SENT,
    ),
    "csat": ("contact_name", AS_SENT),
    "contacts": ("contact_email contact_phone last_seen_at is_blocked", AS_SENT),
    "messages": ("", AS_SENT),
    "agents": ("", AS_SENT),
    "teams": ("", AS_SENT),
    "inboxes": ("", AS_SENT),
    "conversation_attributes": ("", AS_SENT),
    "contact_attributes": ("", AS_SENT),
    "field_changes": ("", "no figure: what runs saw changed, tests/integration/views/test_rows.py"),
    "conversation_history": ("", "no figure: the states, tests/integration/views/test_conversation_history.py"),
    "team_members": ("", "no figure: tests/integration/views/test_members.py"),
    "inbox_members": ("", "no figure: tests/integration/views/test_members.py"),
    "calendar": ("", "no figure: tests/integration/views/test_calendar.py"),
    "known_days": ("", "by the rows of bi.daily_backlog here, and tests/integration/views/test_backlog.py"),
    "sync_health": ("", "of the runs, not of conversations: tests/integration/views/test_rows.py"),
    "reconciliation": ("", "the vendor's counts beside ours: tests/integration/views/test_vendor_figures.py"),
}
