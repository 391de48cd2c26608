"""The views of what there is, whole, on the written account: conversations, messages, contacts, ratings, attributes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Engine

from tests.integration.views.written_account import (
    ALIS,
    BOBS,
    NO_TEAM,
    NOBODYS,
    OTHER,
    PIGEON,
    SALES,
    SUPPORT,
    WEBSITE,
    ZOES,
    of,
    on,
    view,
)
from tests.integration.views.written_rows import BESIDE, HERE, Row, at

DANA: Row = {"contact_id": 1, "contact_name": "Dana", "contact_email": "dana@example.com", "contact_phone": "+97250"}
NOAM: Row = {"contact_id": 2, "contact_name": "Noam", "contact_email": None, "contact_phone": None}
LEAD: Row = {"contact_id": 3, "contact_name": "Lead", "contact_email": None, "contact_phone": None}
EVE: Row = {"contact_id": 1, "contact_name": "Eve", "contact_email": None, "contact_phone": None}


def together(*parts: Row) -> Row:
    return {key: value for part in parts for key, value in part.items()}


def times(opened: datetime, opened_on: date, last_activity: datetime) -> Row:
    return {"opened_at": opened, "opened_on": opened_on, "last_activity_at": last_activity}


def counts(*numbers: int) -> Row:
    return dict(zip(("messages_in", "messages_out", "private_notes", "bot_messages"), numbers, strict=True))


BEGUN: Row = {
    "labels": [],
    "reopen_count": 0,
    "messages_failed": 0,
    "is_first_response_known": True,
    "is_deleted": False,
}


def conversation(*parts: Row, **told: Any) -> Row:
    """Return a row of bi.conversations in which everything is NULL, or nothing, that is not told."""
    nothing = dict.fromkeys(
        (
            "priority",
            "labels_text",
            "first_reply_at",
            "first_response_seconds",
            "first_response_business_seconds",
            "resolved_at",
            "resolved_at_is",
            "resolution_seconds",
            "resolution_business_seconds",
            "waiting_since",
            "snoozed_until",
            "unread_messages",
            "csat_rating",
            "custom_attributes",
            "deleted_at",
        )
    )
    return together(nothing, BEGUN, *parts, told)


def test_conversations(written: Engine) -> None:
    assert view(written, "conversations", "1, 2") == [
        conversation(
            *(of(1), WEBSITE, DANA, BOBS, SALES, times(at(25, 8), on(25), at(27, 9, 0, 1))),
            # In: 101, 110, 114. Out: 103, 105 to 109, 111, 115, 117, not 112, which was removed. Notes: 104, 118.
            counts(3, 9, 2, 1),
            status="resolved",
            priority="high",
            labels=["bug", "vip"],
            labels_text="bug, vip",
            # By whom 108 is, is not told: 109 may be the first response, or not.
            is_first_response_known=False,
            # From the reopening on Wednesday at 18:00 to Thursday at 11:00.
            resolved_at=at(27, 9),
            resolved_at_is="told",
            resolution_seconds=61200,
            resolution_business_seconds=7200,
            reopen_count=1,
            csat_rating=5,
        ),
        conversation(
            *(of(2), WEBSITE, NOAM, NOBODYS, NO_TEAM, times(at(27, 14, 30), on(27), at(30, 8))),
            counts(2, 1, 0, 0),
            status="open",
            labels=["vip"],
            labels_text="vip",
            first_reply_at=at(30, 7),
            first_response_seconds=232200,  # 64 hours and a half
            first_response_business_seconds=88200,  # 24 hours and a half
            waiting_since=at(30, 8),
            unread_messages=1,
        ),
        conversation(
            *(of(3), PIGEON, DANA, NOBODYS, SALES, times(at(27, 21, 59, 59), on(27), at(28, 21))),
            # 302 is known in part, but as incoming; of 306 nobody knows whether it is a note.
            counts(5, 0, 0, 0),
            is_first_response_known=False,
            status="snoozed",
            snoozed_until=datetime(2025, 4, 7, tzinfo=UTC),
        ),
        conversation(
            *(of(4), PIGEON, NOAM, BOBS, NO_TEAM, times(at(26, 8), on(26), at(26, 9, 0, 2))),
            counts(1, 1, 0, 0),
            status="resolved",
            labels=["bug"],
            labels_text="bug",
            resolved_at=at(26, 9),
            resolved_at_is="told",
            resolution_seconds=3600,
            csat_rating=2,
        ),
        conversation(
            *(of(5), PIGEON, DANA, ALIS, NO_TEAM, times(at(26, 10), on(26), at(26, 10))),
            counts(0, 1, 0, 0),
            status="pending",
            custom_attributes={"order": 17, "due": "2025-04-01", "paid": True, "note": "call back", "nothing": None},
        ),
        conversation(
            *(of(6), WEBSITE, NOAM, NOBODYS, NO_TEAM, times(at(27, 7), on(27), at(27, 7))),
            counts(1, 0, 0, 0),
            status="open",
            is_deleted=True,
            deleted_at=at(30, 21, 40),
        ),
        conversation(
            *(of(1, BESIDE), OTHER, EVE, ZOES, SUPPORT, times(at(25, 22, 30), on(25), at(25, 22, 31))),
            counts(1, 1, 0, 0),
            status="resolved",
            labels=["vip"],
            labels_text="vip",
            first_reply_at=at(25, 22, 31),
            first_response_seconds=60,
            resolved_at=at(25, 22, 31),
            resolved_at_is="bounded",  # no activity tells it
            resolution_seconds=60,
            csat_rating=3,
            custom_attributes={"order": 1},
        ),
    ]


CONTACT, ALICE, BOTH, ROBO, SYSTEM, NOBODY = "contact 1 Dana", "agent 1 Ali", "agent 2 Bob", "bot 1 Robo", "system", ""


def said(number: int, sent: datetime, sent_on: int, direction: str | None, author: str = "", **told: Any) -> Row:
    """Return a row of bi.messages: a text that was sent, and no human reply, as far as nothing else is told."""
    kind, author_id, name = ([*author.split(), None, None, None])[:3]
    return together(
        of(number // 100),
        {"inbox_id": WEBSITE["inbox_id"], "inbox": WEBSITE["inbox"]}
        if number // 100 in {1, 2, 6}
        else {"inbox_id": 2, "inbox": None},
        {"message_id": number, "sent_at": sent, "sent_on": on(sent_on), "direction": direction},
        {"author_kind": kind, "author_id": author_id and int(author_id), "author_name": name},
        {
            "is_human_reply": False,
            "is_failed": False,
            "is_private": False,
            "is_deleted": False,
            "delivery_status": "sent",
        },
        {"content_type": "text", "content": f"text {number}", "length": 8, "attachments": 0},
        told,
    )


def test_messages(written: Engine) -> None:
    noam = "contact 2 Noam"
    in_part: Row = {"is_private": None, "delivery_status": None, "content_type": None}
    found = view(written, "messages", "1, 2")
    assert [row for row in found if row["account_id"] == HERE] == [
        said(101, at(25, 8), 25, "in", CONTACT),
        said(102, at(25, 8, 0, 5), 25, "internal", SYSTEM),
        said(103, at(25, 8, 0, 10), 25, "out", ROBO),
        said(104, at(25, 8, 10), 25, "internal", ALICE, is_private=True),
        said(105, at(25, 8, 11), 25, "out", SYSTEM),  # an automation
        said(106, at(25, 8, 12), 25, "out", SYSTEM),  # a template
        said(107, at(25, 8, 13), 25, "out", ALICE),  # a campaign
        said(108, at(25, 8, 14), 25, "out", NOBODY, is_human_reply=None),
        said(109, at(25, 8, 30), 25, "out", ALICE, is_human_reply=True, delivery_status="read", attachments=2),
        said(110, at(25, 9), 25, "in", CONTACT),
        said(111, at(25, 9, 20), 25, "out", BOTH, is_deleted=True, length=None),  # taken back
        # 112 was removed.
        said(113, at(25, 10), 25, "internal", SYSTEM),
        said(114, at(26, 16), 26, "in", CONTACT),
        said(115, at(27, 8), 27, "out", BOTH, is_human_reply=True),
        said(116, at(27, 9), 27, "internal", SYSTEM),
        said(117, at(27, 9, 0, 1), 27, "out", SYSTEM, content_type="input_csat"),
        # A note in the name of an agent, by an automation.
        said(118, at(25, 8, 11), 25, "internal", SYSTEM, author_id=1, is_private=True),
        said(201, at(27, 14, 30), 27, "in", noam),
        said(202, at(30, 7), 30, "out", ALICE, is_human_reply=True),
        said(203, at(30, 8), 30, "in", noam),
        said(301, at(27, 21, 59, 59), 27, "in", CONTACT),
        said(302, at(27, 23, 59, 59), 28, "in", "contact", **in_part),  # incoming, but from whom is not told
        said(303, at(28, 0), 28, "in", CONTACT),
        said(304, at(28, 20, 59, 59), 28, "in", CONTACT),
        said(305, at(28, 21), 29, "in", CONTACT),
        said(306, at(28, 1), 28, None, NOBODY, **in_part, is_human_reply=None),
        said(401, at(26, 8), 26, "in", noam),
        said(402, at(26, 9), 26, "internal", SYSTEM),
        said(403, at(26, 9, 0, 2), 26, "out", SYSTEM, content_type="input_csat"),
        said(501, at(26, 10), 26, "out", ALICE, is_human_reply=True),
        said(601, at(27, 7), 27, "in", noam),
    ]
    other = of(1, BESIDE) | {"inbox": "Other"}
    assert [row for row in found if row["account_id"] == BESIDE] == [
        said(101, at(25, 22, 30), 25, "in", "contact 1 Eve", **other),
        said(109, at(25, 22, 31), 25, "out", "agent 1 Zoe", **other, is_human_reply=True),
    ]


def test_contacts(written: Engine) -> None:
    def row(contact: Row, account: int, seen: tuple[datetime, date], conversations: int, **told: Any) -> Row:
        return together(
            {"account_id": account, "last_seen_at": None, "is_blocked": None, "conversations": conversations}
            | {"is_deleted": False, "merged_into": None},
            contact,
            {"first_seen_at": seen[0], "first_seen_on": seen[1], "is_returning": conversations > 1},
            told,
        )

    assert view(written, "contacts", "1, 2") == [
        # Conversations 1, 3 and 5; created a minute before the first.
        row(DANA, HERE, (at(25, 7, 59), on(25)), 3, last_seen_at=at(28, 21), is_blocked=False),
        # Conversations 2, 4 and 6; when the contact was created is not told, and 4 is the oldest.
        row(NOAM, HERE, (at(26, 8), on(26)), 3),
        # Created at midnight.
        row(LEAD, HERE, (at(26, 22), on(27)), 0, is_blocked=True),
        # Created after the first conversation, as told.
        row(EVE, BESIDE, (at(25, 22, 30), on(25)), 1),
    ]


def test_csat(written: Engine) -> None:
    def row(*parts: Row, contact: Row, rating: int, answered: datetime, **told: Any) -> Row:
        rated = {"rating": rating, "is_satisfied": rating > 3, "answered_at": answered, "answered_on": answered.date()}
        who = {name: contact[name] for name in ("contact_id", "contact_name")}
        nothing = {"source": "survey list", "feedback": None, "review_notes": None, "is_deleted": False}
        return together(*parts, who, rated, nothing, told)

    assert view(written, "csat", "1, 2") == [
        # The list tells the answer, and message 117 the same.
        row(
            of(1), WEBSITE, BOBS, contact=DANA, rating=5, answered=at(27, 10), feedback="great", review_notes="thanked"
        ),
        # Message 403 alone.
        row(of(4), PIGEON, BOBS, contact=NOAM, rating=2, answered=at(26, 9, 0, 2), feedback="slow", source="message"),
        row(of(1, BESIDE), OTHER, ZOES, contact=EVE, rating=3, answered=at(26, 6)),
    ]


def attribute(key: str, value: str, **told: Any) -> Row:
    """Return what the attributes' views tell of one that is not defined, as far as nothing else is told."""
    nothing = dict.fromkeys(("type", "value_number", "value_date", "value_boolean"))
    return {"attribute_key": key, "attribute": key, "value": value} | nothing | told


def test_conversation_attributes(written: Engine) -> None:
    due = {"attribute": "Due", "type": "date", "value_date": date(2025, 4, 1)}
    order = {"attribute": "Order number", "type": "number", "value_number": Decimal(17)}
    fifth = of(5) | {"is_deleted": False}
    assert view(written, "conversation_attributes", "1, 2, 4") == [
        fifth | attribute("due", "2025-04-01", **due),
        fifth | attribute("note", "call back"),
        fifth | attribute("order", "17", **order),
        fifth | attribute("paid", "true", value_boolean=True),
        # The other account has not defined it.
        of(1, BESIDE) | {"is_deleted": False} | attribute("order", "1", value_number=Decimal(1)),
    ]


def test_contact_attributes(written: Engine) -> None:
    noam, eve = ({"account_id": HERE, "contact_id": 2}, {"account_id": BESIDE, "contact_id": 1})
    assert view(written, "contact_attributes", "1, 2, 3") == [
        noam | attribute("tier", "gold", attribute="Tier", type="list"),
        noam | attribute("visits", "3", value_number=Decimal(3)),
        eve | attribute("tier", "tin"),
    ]
