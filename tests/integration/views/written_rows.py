"""The rows of the written account's tables (tests/integration/written_account.py), a few words for each."""

from datetime import UTC, datetime
from typing import Any

HERE, BESIDE = 1, 2
ADDRESS = {HERE: "https://here.example", BESIDE: "https://beside.example"}
Row = dict[str, Any]


def at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    """Return a time of March 2025, UTC. The 25th is a Tuesday."""
    return datetime(2025, 3, day, hour, minute, second, tzinfo=UTC)


def hours(days: range, **told: Any) -> list[Row]:
    nine_to_five = {"open_hour": 9, "open_minutes": 0, "close_hour": 17, "close_minutes": 0}
    return [{"day_of_week": day, "closed_all_day": False, "open_all_day": False} | nine_to_five | told for day in days]


# Friday as the vendor writes a day that is open all day: until 23:59, which is a minute less.
WORKING_HOURS = [
    *hours(range(5)),
    *hours(range(5, 6), open_all_day=True, open_hour=0, close_hour=23, close_minutes=59),
    *hours(range(6, 7), closed_all_day=True, open_hour=None, open_minutes=None, close_hour=None, close_minutes=None),
]


def message(number: int, sent: datetime, message_type: str, sender: tuple[str, int] | None = None, **told: Any) -> Row:
    sender_type, sender_id = sender or (None, None)
    return {
        "id": number,
        "conversation_id": number // 100,
        "inbox_id": 1 if number // 100 in {1, 2, 6} else 2,
        "message_type": message_type,
        "content_type": "text",
        "content": f"text {number}",
        "private": False,
        "status": "sent",
        "sender_type": sender_type,
        "sender_id": sender_id,
        "created_at": sent,
    } | told


def survey(rating: Any, feedback: str | None) -> Row:
    answer = {"rating": rating, "feedback_message": feedback}
    return {
        "content_type": "input_csat",
        "content_attributes": {"submitted_values": {"csat_survey_response": answer}},
    }


def state(conversation: int, since: datetime, until: datetime | None, status: str, **told: Any) -> Row:
    held = {"assignee_id": None, "team_id": None} | told
    return {"conversation_id": conversation, "valid_from": since, "valid_to": until, "status": status} | held


def sync(begin: datetime, end: datetime, outcome: str, **told: Any) -> Row:
    given = {"kind": "sync", "host": "h", "process_id": 1}
    return given | {"started_at": begin, "finished_at": end, "outcome": outcome} | told


def definition(number: int, model: str, key: str, name: str, kind: str) -> Row:
    return {
        "id": number,
        "attribute_model": model,
        "attribute_key": key,
        "attribute_display_name": name,
        "attribute_display_type": kind,
    }


def here() -> dict[str, list[Row]]:
    zone = "Asia/Jerusalem"
    in_hours = {"timezone": zone, "working_hours_enabled": True, "working_hours": WORKING_HOURS}
    switched_off = in_hours | {"working_hours_enabled": False}
    return {
        "accounts": [{"base_url": ADDRESS[HERE], "name": "Here", "time_zone": zone}],
        "inboxes": [
            {"id": 1, "name": "Website", "channel_type": "Channel::WebWidget", **in_hours},
            {"id": 2, "name": None, "channel_type": "Channel::Pigeon", **switched_off},
        ],
        "teams": [{"id": 1, "name": "sales"}],
        "agents": [{"id": 1, "name": "Alice", "available_name": "Ali"}, {"id": 2, "name": "Bob"}],
        "bots": [{"type": "agent_bot", "id": 1, "name": "Robo"}],
        "contacts": [
            {
                "id": 1,
                "name": "Dana",
                "email": "dana@example.com",
                "phone_number": "+97250",
                "blocked": False,
                "created_at": at(25, 7, 59),
                "last_activity_at": at(28, 21),
            },
            {"id": 2, "name": "Noam", "custom_attributes": {"tier": "gold", "visits": "3"}},
            {"id": 3, "name": "Lead", "created_at": at(26, 22), "blocked": True},
        ],
        "labels": [{"title": "bug"}, {"title": "vip"}],
        "custom_attribute_definitions": [
            definition(1, "conversation_attribute", "order", "Order number", "number"),
            definition(2, "conversation_attribute", "due", "Due", "date"),
            definition(3, "contact_attribute", "order", "Something else", "text"),
            definition(4, "contact_attribute", "tier", "Tier", "list"),
        ],
        "conversations": conversations_here(),
        "conversation_labels": [
            {"conversation_id": one, "label": label} for one, label in ((1, "vip"), (1, "bug"), (2, "vip"), (4, "bug"))
        ],
        "messages": messages_here(),
        "attachments": [{"id": one, "message_id": 109, "file_type": "image"} for one in (1, 2)],
        # Message 117 tells the same answer.
        "csat_responses": [
            {
                "id": 1,
                "conversation_id": 1,
                "contact_id": 1,
                "assigned_agent_id": 2,
                "message_id": 117,
                "rating": 5,
                "feedback_message": "great",
                "csat_review_notes": "thanked",
                "created_at": at(27, 10),
            }
        ],
        "conversation_states": states_here(),
        "sync_runs": runs_here(),
        "rejected_records": [
            {"entity": "message", "digest": one, "run_id": 1, "reason": "id", "resolved_at": resolved}
            for one, resolved in (("a", None), ("b", at(30, 22)))
        ],
    }


def conversations_here() -> list[Row]:
    first: Row = {"inbox_id": 1, "channel": "Channel::WebWidget", "assignee_id": None, "team_id": None}
    second = first | {"inbox_id": 2, "channel": "Channel::Pigeon"}
    attributes = {"order": 17, "due": "2025-04-01", "paid": True, "note": "call back", "nothing": None}
    of_bob_and_sales = {"assignee_id": 2, "team_id": 1}
    snoozed_until = datetime(2025, 4, 7, tzinfo=UTC)

    def one(number: int, status: str, contact: int, times: tuple[datetime, datetime], **told: Any) -> Row:
        begun, active = times
        return {
            "id": number,
            "status": status,
            "contact_id": contact,
            "created_at": begun,
            "last_activity_at": active,
        } | told

    return [
        # Answered, resolved, reopened, answered, resolved again.
        one(1, "resolved", 1, (at(25, 8), at(27, 9, 0, 1)), **first | of_bob_and_sales, priority="high"),
        # Waited over a weekend in which the clocks changed, and waits again.
        one(2, "open", 2, (at(27, 14, 30), at(30, 8)), **first, waiting_since=at(30, 8), unread_count=1),
        # Nobody answered it.
        one(3, "snoozed", 1, (at(27, 21, 59, 59), at(28, 21)), **second | {"team_id": 1}, snoozed_until=snoozed_until),
        # Resolved from the first sight on, without having been answered.
        one(4, "resolved", 2, (at(26, 8), at(26, 9, 0, 2)), **second | {"assignee_id": 2}),
        # Begun by an agent: nobody asked.
        one(5, "pending", 1, (at(26, 10), at(26, 10)), **second | {"assignee_id": 1}, custom_attributes=attributes),
        one(6, "open", 2, (at(27, 7), at(27, 7)), **first, deleted_at=at(30, 21, 40)),
    ]


def messages_here() -> list[Row]:
    dana, noam, alice, bob, robo = ("contact", 1), ("contact", 2), ("user", 1), ("user", 2), ("agent_bot", 1)
    in_part: Row = {"inbox_id": None, "content_type": None, "private": None, "status": None, "partial": True}
    return [
        message(101, at(25, 8), "incoming", dana),
        message(102, at(25, 8, 0, 5), "activity"),
        message(103, at(25, 8, 0, 10), "outgoing", robo),
        message(104, at(25, 8, 10), "outgoing", alice, private=True),
        message(105, at(25, 8, 11), "outgoing", content_attributes={"automation_rule_id": 3}),
        message(118, at(25, 8, 11), "outgoing", alice, private=True, content_attributes={"automation_rule_id": 3}),
        message(106, at(25, 8, 12), "template"),
        message(107, at(25, 8, 13), "outgoing", alice, additional_attributes={"campaign_id": 9}),
        message(108, at(25, 8, 14), "outgoing"),  # by whom is no longer told
        message(109, at(25, 8, 30), "outgoing", alice, status="read"),
        message(110, at(25, 9), "incoming", dana),
        message(111, at(25, 9, 20), "outgoing", bob, deleted=True),
        message(112, at(25, 9, 5), "outgoing", alice, removed_at=at(25, 22, 30)),
        message(113, at(25, 10), "activity"),  # resolved
        message(114, at(26, 16), "incoming", dana),
        message(115, at(27, 8), "outgoing", bob),
        message(116, at(27, 9), "activity"),  # resolved
        message(117, at(27, 9, 0, 1), "template", **survey(5, "great")),
        message(201, at(27, 14, 30), "incoming", noam),
        message(202, at(30, 7), "outgoing", alice),
        message(203, at(30, 8), "incoming", noam),
        message(301, at(27, 21, 59, 59), "incoming", dana),
        message(302, at(27, 23, 59, 59), "incoming", **in_part),
        message(303, at(28, 0), "incoming", dana),
        message(304, at(28, 20, 59, 59), "incoming", dana),
        message(305, at(28, 21), "incoming", dana),
        message(306, at(28, 1), "outgoing", **in_part),
        message(401, at(26, 8), "incoming", noam),
        message(402, at(26, 9), "activity"),  # resolved
        message(403, at(26, 9, 0, 2), "template", **survey("2", "slow")),
        message(501, at(26, 10), "outgoing", alice),
        message(601, at(27, 7), "incoming", noam),
    ]


def states_here() -> list[Row]:
    return [
        state(1, at(25, 8, 5), at(25, 8, 20), "open", team_id=1),
        state(1, at(25, 8, 20), at(25, 22, 30), "open", assignee_id=1, team_id=1),
        state(1, at(25, 22, 30), at(26, 22, 30), "resolved", assignee_id=1, team_id=1),
        state(1, at(26, 22, 30), at(27, 22, 30), "open", assignee_id=2, team_id=1),
        state(1, at(27, 22, 30), None, "resolved", assignee_id=2, team_id=1),
        state(2, at(27, 22, 30), None, "open"),
        state(3, at(27, 22, 30), None, "snoozed", team_id=1),
        state(4, at(26, 22, 30), None, "resolved", assignee_id=2),
        state(5, at(26, 22, 30), None, "pending", assignee_id=1),
        state(6, at(27, 22, 30), None, "open"),
    ]


def runs_here() -> list[Row]:
    audit = {"unaccounted": 4, "messages": 30}
    counts = {"unaccounted": 2, "forbidden": 3, "unreadable": 1, "audit": audit, "problems": ["Two are missing."]}
    return [
        sync(at(25, 8, 15), at(25, 8, 20), "complete", unaccounted=0),
        sync(at(25, 22, 10), at(25, 22, 40), "complete", unaccounted=0),
        sync(at(26, 22, 10), at(26, 22, 40), "complete", unaccounted=0),
        sync(at(27, 22, 10), at(27, 22, 40), "incomplete", unaccounted=9),
        sync(at(28, 21, 10), at(28, 21, 20), "complete", kind="backfill", selection={"status": ["open"]}),
        sync(at(30, 10), at(30, 10, 1), "failed"),
        sync(at(30, 21, 30), at(30, 22), "incomplete", **counts),
        sync(at(31, 6), at(31, 7), "interrupted", problems=["It was stopped.", "Nothing is lost."]),
    ]


def beside() -> dict[str, list[Row]]:
    return {
        "accounts": [{"base_url": ADDRESS[BESIDE], "name": "Beside", "time_zone": "UTC"}],
        "inboxes": [{"id": 1, "name": "Other", "channel_type": "Channel::Email"}],
        "teams": [{"id": 1, "name": "support"}],
        "agents": [{"id": 1, "name": "Zoe"}],
        "contacts": [{"id": 1, "name": "Eve", "created_at": at(25, 23), "custom_attributes": {"tier": "tin"}}],
        "labels": [{"title": "vip"}],
        "conversations": [
            {
                "id": 1,
                "status": "resolved",
                "inbox_id": 1,
                "channel": "Channel::Email",
                "contact_id": 1,
                "assignee_id": 1,
                "team_id": 1,
                "created_at": at(25, 22, 30),
                "last_activity_at": at(25, 22, 31),
                "custom_attributes": {"order": 1},
            }
        ],
        "conversation_labels": [{"conversation_id": 1, "label": "vip"}],
        "messages": [
            message(101, at(25, 22, 30), "incoming", ("contact", 1)),
            message(109, at(25, 22, 31), "outgoing", ("user", 1)),
        ],
        "csat_responses": [
            {
                "id": 1,
                "conversation_id": 1,
                "contact_id": 1,
                "assigned_agent_id": 1,
                "rating": 3,
                "created_at": at(26, 6),
            }
        ],
        "conversation_states": [state(1, at(25, 23, 30), None, "resolved", assignee_id=1, team_id=1)],
        "sync_runs": [sync(at(25, 23, 20), at(25, 23, 40), "complete", unaccounted=0)],
    }
