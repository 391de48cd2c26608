"""The rows of the views that have one for each conversation, opening, wait, event and answer, by docs/metrics.md."""

from collections.abc import Iterator

from tests.reference.compare import opening_row, wait_row
from tests.reference.evidence import Row, Written, time_of
from tests.reference.metrics import metrics_of
from tests.reference.promises import Account
from tests.reference.timeline import Opening
from tests.reference.waiting import Wait
from tests.reference.whole import Read, Whole, author_kind, direction, is_failed, is_out, owner_of


def _of_today(whole: Whole, read: Read) -> Row:
    """Inbox and team that the conversation has now, and whether it is gone."""
    now = whole.named({"inbox_id": read.row["inbox_id"], "team_id": read.row["team_id"]})
    return now | whole.of_conversation(read) | {"is_deleted": read.row["deleted_at"] is not None}


def resolutions(whole: Whole) -> Iterator[Row]:
    for read in whole.conversations:
        for one in read.openings:
            row = opening_row(read.evidence, one, one is read.openings[-1])
            row = {name: value for name, value in row.items() if name not in NOT_SHOWN}
            today = {name: value for name, value in _of_today(whole, read).items() if not name.startswith("team")}
            yield whole.named(row | today) | {
                "resolved_on": one.resolved_at and whole.day(one.resolved_at),
                "resolution_business_seconds": _business(whole, read, one),
            }


NOT_SHOWN = {"opened_message_id", "opened_not_before", "opened_not_after", "resolved_message_id"}


def _business(whole: Whole, read: Read, one: Opening) -> int | None:
    """Return how long the inbox was open between opening and resolution."""
    until = None if one.resolved_at_is == "not known" else one.resolved_at
    return whole.business(read.row["inbox_id"], one.opened_at, until)


def _reply_business(whole: Whole, read: Read, wait: Wait | None) -> int | None:
    if wait is None or wait.answer is None:
        return None
    return whole.business(read.row["inbox_id"], wait.question.at, wait.answer.at)


def reply_times(whole: Whole) -> Iterator[Row]:
    for read in whole.conversations:
        for wait in read.waits:
            row = wait_row(read.evidence, wait)
            del row["opening"]
            goes_on = wait.ended_at is None and read.row["deleted_at"] is None
            yield (
                whole.named(row)
                | _of_today(whole, read)
                | {
                    "waiting_on": whole.day(wait.question.at),
                    "is_waiting": False if not goes_on else True if wait.is_known else None,
                    "reply_business_seconds": _reply_business(whole, read, wait),
                }
            )


def first_responses(whole: Whole) -> Iterator[Row]:
    for read in whole.conversations:
        for wait in read.waits:
            if wait.is_first and wait.answer is not None:
                yield (
                    whole.named({"agent_id": wait.answer.agent_id})
                    | _of_today(whole, read)
                    | {
                        "opening": wait.opening,
                        "is_after_reopening": wait.opening > 1,
                        "asked_at": wait.question.at,
                        "asked_on": whole.day(wait.question.at),
                        "responded_at": wait.answer.at,
                        "first_response_seconds": wait.seconds,
                        "first_response_business_seconds": _reply_business(whole, read, wait),
                    }
                )


def events(whole: Whole) -> Iterator[Row]:
    for read in whole.conversations:
        today = {name: value for name, value in _of_today(whole, read).items() if not name.startswith("team")}
        for event in read.events:
            yield whole.named(event | today) | {"day": whole.day(event["at"])}


def conversations(whole: Whole) -> Iterator[Row]:
    """Yield the figures of each conversation, and what it is now."""
    for read in whole.conversations:
        last, first = read.openings[-1], _first_wait(read)
        on = [wait.question.at for wait in read.waits if wait.is_known and wait.ended_at is None]
        yield (
            _now(whole, read)
            | _messages(read)
            | {
                "labels": whole.labels[read.row["id"]],
                "labels_text": ", ".join(whole.labels[read.row["id"]]) or None,
                "first_reply_at": first and first.answer and first.answer.at,
                "first_response_seconds": first and first.seconds,
                "first_response_business_seconds": _reply_business(whole, read, first),
                "is_first_response_known": first is None or first.is_known,
                "resolved_at": last.resolved_at,
                "resolved_at_is": last.resolved_at_is,
                "resolution_seconds": last.seconds,
                "resolution_business_seconds": _business(whole, read, last),
                "reopen_count": len(read.openings) - 1,
                "waiting_since": on[0] if on and read.row["deleted_at"] is None else None,
                "csat_rating": _rating(whole, read),
                "deleted_at": read.row["deleted_at"],
            }
        )


def _first_wait(read: Read) -> Wait | None:
    return next((wait for wait in read.waits if wait.opening == 1 and wait.is_first), None)


def _now(whole: Whole, read: Read) -> Row:
    """Return what the record says now; it began when it says so, whatever is older in it."""
    begun = time_of(read.row)
    return whole.named(_of_today(whole, read) | owner_of(read.row)) | {
        "status": read.row["status"],
        "priority": read.row["priority"],
        "contact_id": read.row["contact_id"],
        "opened_at": begun,
        "opened_on": whole.day(begun),
    }


def _messages(read: Read) -> Row:
    written = read.evidence.written
    return {
        "messages_in": sum(direction(one) == "in" for one in written),
        "messages_out": sum(is_out(one) for one in written),
        "messages_failed": sum(is_failed(one) for one in written),
        "private_notes": sum(bool(one.row["private"]) for one in written),
        "bot_messages": sum(is_out(one) and author_kind(one) == "bot" for one in written),
    }


def metrics(whole: Whole) -> Iterator[Row]:
    """Yield the wide row of each conversation."""
    for read, row in zip(whole.conversations, metrics_of(whole.tables), strict=True):
        begun, resolved = read.openings[0].opened_at, [one for one in read.openings if one.resolved_at is not None]
        last = resolved[-1] if resolved else None
        until = None if last is None or last.resolved_at_is == "not known" else last.resolved_at
        if until is not None and last is not None and last.opened_at is not None:
            until = max(until, last.opened_at)
        yield (
            _now(whole, read)
            | row
            | {
                "first_response_business_seconds": _reply_business(whole, read, _first_wait(read)),
                "first_resolution_business_seconds": _business(whole, read, read.openings[0]),
                "last_resolution_business_seconds": whole.business(read.row["inbox_id"], begun, until),
                "csat_rating": _rating(whole, read),
            }
        )


def answers(whole: Whole) -> Iterator[Row]:
    """Yield each answer to a survey once: the list's, else the one that the message carries."""
    listed = {row["message_id"] for row in whole.tables["csat_responses"]}
    by_number = {read.row["id"]: read for read in whole.conversations}
    for row in whole.tables["csat_responses"]:
        at = row["created_at"] and min(row["created_at"], row["first_synced_at"])
        owner = {name: row[key] for name, key in LISTED_OWNER.items()}
        told = {"feedback": row["feedback_message"], "review_notes": row["csat_review_notes"], "answered_at": at}
        read = by_number[row["conversation_id"]]
        yield _answer(
            whole, read, owner | told | {"rating": row["rating"], "contact_id": row["contact_id"]}, "survey list"
        )
    for read in whole.conversations:
        for one in read.evidence.written:
            if one.id not in listed and (told := _submitted(one)):
                state = read.evidence.state_at(one.at) or next(iter(read.evidence.states), read.row)
                said = {"feedback": told.get("feedback_message"), "review_notes": None, "answered_at": one.at}
                said |= {"rating": told["rating"], "contact_id": read.row["contact_id"]}
                yield _answer(whole, read, owner_of(state) | said, "message")


LISTED_OWNER = {"agent_id": "assigned_agent_id", "bot_type": "assigned_bot_type", "bot_id": "assigned_bot_id"}


def _submitted(one: Written) -> Row:
    return ((one.row["content_attributes"] or {}).get("submitted_values") or {}).get("csat_survey_response") or {}


def _answer(whole: Whole, read: Read, told: Row, source: str) -> Row:
    today = {name: value for name, value in _of_today(whole, read).items() if not name.startswith("team")}
    told = {name: value for name, value in told.items() if name != "team_id"}
    return whole.named(today | told) | {
        "source": source,
        "is_satisfied": None if told["rating"] is None else told["rating"] >= 4,
        "answered_on": told["answered_at"] and whole.day(told["answered_at"]),
    }


def is_answered(whole: Whole, one: Written) -> bool:
    """Whether a survey has a rating, by the list of answers or in the message."""
    rated = {row["message_id"] for row in whole.tables["csat_responses"] if row["rating"] is not None}
    return one.id in rated or bool(_submitted(one))


def _rating(whole: Whole, read: Read) -> int | None:
    """Return the last rating; of a message it is only known when it was asked for."""
    listed = {row["message_id"]: row for row in whole.tables["csat_responses"]}
    told = []
    for row in listed.values():
        if row["conversation_id"] == read.row["id"]:
            told.append((min(row["created_at"], row["first_synced_at"]), row["message_id"], row["rating"]))
    told += [
        (one.at, one.id, _submitted(one)["rating"])
        for one in read.evidence.written
        if one.id not in listed and _submitted(one)
    ]
    return max(told)[2] if told else None


def contacts(whole: Whole) -> Iterator[Row]:
    for row in whole.tables["contacts"]:
        begun = [time_of(read.row) for read in whole.conversations if read.row["contact_id"] == row["id"]]
        seen = min([at for at in (row["created_at"], *begun) if at is not None], default=None)
        yield {
            "account_id": 1,
            "contact_id": row["id"],
            "contact_name": row["name"],
            "first_seen_at": seen,
            "first_seen_on": seen and whole.day(seen),
            "conversations": len(begun),
            "is_returning": len(begun) > 1,
            "is_deleted": row["deleted_at"] is not None,
            "merged_into": row["merged_into"],
        }


def levels(whole: Whole) -> Iterator[Row]:
    """Yield what each target promised of each reply and resolution, with all that is told beside it."""
    by_number = {read.row["id"]: read for read in whole.conversations}
    for row in Account(whole.tables, whole.now).levels():
        read, result = by_number[row["conversation_id"]], row["result"]
        is_told = result != "not known"
        yield (
            whole.named(row)
            | whole.of_conversation(read)
            | {
                "began_on": whole.day(row["began_at"]),
                "is_met": result == "met" if is_told else None,
                "is_breached": result == "breached" if is_told else None,
                "is_unanswered": result == "unanswered" if is_told else None,
                "labels_text": None if row["labels"] is None else ", ".join(row["labels"]),
                "is_deleted": read.row["deleted_at"] is not None,
            }
        )
