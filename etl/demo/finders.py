"""Which conversations and messages a request asks for, and in which order: the vendor's sections 2 and 3."""

import random
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Any, TypeVar

from etl.demo.account import INCOMING, OUTGOING, Account, Changes, Conversation, Message, in_time_order
from etl.demo.dimensions import OLD
from etl.demo.server import Request

Row = TypeVar("Row")
Listed = tuple[list[Conversation], dict[str, int]]
Order = tuple[Callable[[Conversation], Any], bool]

STATUSES = ("open", "resolved", "pending", "snoozed")
SEARCH_CAP = 25
# Those of a walk or two, not every list ever asked for.
REMEMBERED_LISTS = 32
LARGEST_OFFSET = 2**63

_BY_ACTIVITY: Order = (lambda conversation: conversation.last_activity_at, True)
_BY_CREATION: Order = (lambda conversation: conversation.created_at, False)
_OLD_ORDERS = {"latest": _BY_ACTIVITY, "sort_on_created_at": _BY_CREATION}
_NEW_ORDERS = _OLD_ORDERS | {
    "last_activity_at_desc": _BY_ACTIVITY,
    "last_activity_at_asc": (_BY_ACTIVITY[0], False),
    "created_at_asc": _BY_CREATION,
    "created_at_desc": (_BY_CREATION[0], True),
}


class NotFoundError(Exception):
    """The request names something that does not exist: 404."""


class ServerFaultError(Exception):
    """The request makes the server fail: 500."""


@dataclass(frozen=True)
class Viewer:
    """Who asks, and what kind of server answers: the token's user, the inboxes hidden from it, the behaviour."""

    agent_id: int | None
    hidden_inboxes: frozenset[int]
    behaviour: str

    @property
    def is_agent(self) -> bool:
        """Return whether the token is an agent's; that of an administrator sees every inbox."""
        return bool(self.hidden_inboxes)


def number(text: str | None) -> int:
    """Read a number as the server does: the leading digits, 0 where there are none."""
    match = re.match(r"\s*([+-]?\d+)", text or "")
    return int(match[1]) if match else 0


def page_number(request: Request, size: int) -> int:
    """Read the page: 0, negative or not a number means the first one."""
    page = max(number(request.first("page")), 1)
    if page * size >= LARGEST_OFFSET:
        raise ServerFaultError
    return page


def find_conversations(account: Account, request: Request, viewer: Viewer) -> list[Conversation]:
    """Return the conversations that the filters admit, before `assignee_type` and in no order."""
    rows: Iterable[Conversation] = list(account.conversations.values())
    if viewer.hidden_inboxes:
        rows = [row for row in rows if row.inbox_id not in viewer.hidden_inboxes]
    term = request.first("q")
    if term is None:
        rows = _of_status(rows, request.first("status"), viewer.behaviour)
    else:
        rows = [row for row in rows if _says(row, term.lower())]
    inbox_id = request.first("inbox_id")
    if inbox_id is not None:
        rows = [row for row in rows if row.inbox_id == number(inbox_id)]
    team_id = request.first("team_id")
    if team_id is not None:
        if number(team_id) not in account.teams:
            raise NotFoundError
        rows = [row for row in rows if row.team_id == number(team_id)]
    labels = {value for key, value in request.query if key in ("labels[]", "labels")}
    if labels:
        rows = [row for row in rows if not labels.isdisjoint(row.labels)]
    return list(rows)


def _of_status(rows: Iterable[Conversation], status: str | None, behaviour: str) -> Iterable[Conversation]:
    status = "open" if status is None else status
    if status == "all":
        return rows
    if status not in STATUSES and behaviour == OLD:
        raise ServerFaultError
    return [row for row in rows if row.status == status]


def _says(conversation: Conversation, term: str) -> bool:
    return any(
        message.message_type in (INCOMING, OUTGOING) and term in (message.content or "").lower()
        for message in conversation.messages
    )


def count(rows: list[Conversation], request: Request, viewer: Viewer) -> dict[str, int]:
    """Count the rows as the list's `meta`; with `q` each count stops at the size of a page."""
    mine = sum(row.assignee_id is not None and row.assignee_id == viewer.agent_id for row in rows)
    unassigned = sum(row.assignee_id is None for row in rows)
    total = len(rows)
    if request.first("q") is not None:
        mine, unassigned, total = (min(value, SEARCH_CAP) for value in (mine, unassigned, total))
    return {
        "mine_count": mine,
        "assigned_count": total - unassigned,
        "unassigned_count": unassigned,
        "all_count": total,
    }


def of_assignee(rows: list[Conversation], request: Request, viewer: Viewer) -> list[Conversation]:
    """Keep the rows of the asked `assignee_type`, all of them when it is not known."""
    match request.first("assignee_type"):
        case "me":
            return [row for row in rows if row.assignee_id is not None and row.assignee_id == viewer.agent_id]
        case "unassigned":
            return [row for row in rows if row.assignee_id is None]
        case "assigned":
            return [row for row in rows if row.assignee_id is not None]
    return rows


def order_of(request: Request, behaviour: str) -> Order:
    """Return the asked order; an unknown one silently means latest activity."""
    orders = _OLD_ORDERS if behaviour == OLD else _NEW_ORDERS
    return orders.get(request.first("sort_by") or "", _BY_ACTIVITY)


def cut_page(rows: list[Row], key: Callable[[Row], Any], page_and_size: tuple[int, int], seed: str) -> list[Row]:
    """Cut a page out of sorted rows; rows with equal keys come in an order that differs from page to page.

    The vendor sorts without a tie-breaker, so its database may order ties anew for each request. Here they are
    shuffled by a seed: a walk repeats some tied rows and skips others, and the same walk always the same ones.
    """
    page, size = page_and_size
    first, last = (page - 1) * size, min(page * size, len(rows))
    if first >= last:
        return []
    start, end = first, last
    while start and key(rows[start - 1]) == key(rows[first]):
        start -= 1
    while end < len(rows) and key(rows[end]) == key(rows[last - 1]):
        end += 1
    dice = random.Random(f"{seed} {page}")  # noqa: S311 -- not a secret: the disorder has to be the same in every test
    shuffled: list[Row] = []
    for _, group in groupby(rows[start:end], key):
        ties = list(group)
        if len(ties) > 1:
            dice.shuffle(ties)
        shuffled += ties
    return shuffled[first - start : last - start]


class SortedLists:
    """Remember the sorted lists until a conversation changes, or the number of conversations does.

    A walk asks for hundreds of pages of the same list; sorting the account for each would make a large one slow.
    """

    def __init__(self) -> None:
        self._known: dict[Any, tuple[tuple[int, int], Listed]] = {}

    def get(self, account: Account, request: Request, viewer: Viewer) -> Listed:
        """Return the sorted rows of a request, before `assignee_type` and page, with their counts."""
        parameters = tuple(sorted(pair for pair in request.query if pair[0] not in ("page", "assignee_type")))
        key = (account.id, viewer, parameters)
        # Read before the rows: a change while they are sorted makes this entry too old, never one that is kept.
        moment = (Changes.count, len(account.conversations))
        known = self._known.get(key)
        if known and known[0] == moment:
            return known[1]
        rows = find_conversations(account, request, viewer)
        sort_key, descending = order_of(request, viewer.behaviour)
        rows.sort(key=sort_key, reverse=descending)
        listed = rows, count(rows, request, viewer)
        # Words change without a change of their conversation.
        if request.first("q") is None:
            if len(self._known) >= REMEMBERED_LISTS:
                self._known.clear()
            self._known[key] = moment, listed
        return listed


def find_messages(messages: list[Message], request: Request, behaviour: str) -> list[Message]:
    """Read a history: cut by id, ordered by time, oldest first, capped by what was asked for."""
    rows = in_time_order(messages)
    after, before = request.first("after"), request.first("before")
    low, high = number(after), number(before)
    if after and behaviour == OLD:
        # 2.12 to 2.15: a slip that compares with `before`, and never looks at the value of `after`.
        return [row for row in rows if row.id >= high][:20]
    if after and before:
        return [row for row in rows if low <= row.id < high][:1000]
    if after:
        return [row for row in rows if row.id > low][:100]
    if before:
        return [row for row in rows if row.id < high][-20:]
    return rows[-20:]
