"""By how much the vendor's books count more of what is accepted: as in the last run, where nothing else can be why."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from etl.database.bookkeeping import RejectedRecord, SyncRun
from etl.database.witnesses import VendorCount
from etl.extract.reports import INCOMING, METRICS, OUTGOING, TimeSpan
from etl.load import ledger_entries, rejected
from etl.load.acceptances import Acceptance, FaultKind
from etl.load.earlier_runs import last_to_its_end
from etl.run import books_sayings as sayings
from etl.transform.entities import MESSAGE, MESSAGE_TYPES

Ways = dict[tuple[FaultKind, str], dict[str, Any]]
Before = dict[tuple[FaultKind, str], Acceptance]

OF_TYPE = {"incoming": {INCOMING}, "outgoing": {OUTGOING}, "activity": set[str](), "template": set[str]()}


class More(NamedTuple):
    """By how much the vendor counted more in the last run, besides what was known; name: of metric and span."""

    name: str
    metric: str
    number: int
    why: str | None


def add(connection: Connection, account_id: int, ways: Ways, before: Before) -> None:
    """Add `books` to how what is accepted is now: name of metric and span -> how many more the vendor counts of it.

    What several that are accepted at once make up is on the first of them. before: what was accepted until now.
    """
    run = connection.execute(
        # Others have not come to the books.
        last_to_its_end(account_id).with_only_columns(SyncRun.run_id, SyncRun.known)
    ).first()
    if run is None:
        return
    named = [(FaultKind(kind), what) for kind, several in (run.known or {}).items() for what in several]
    known = {one: before[one] for one in named if one in before}
    counted = _counted_more(connection, account_id, run.run_id, known.values())
    unread = {(FaultKind.CONVERSATION, str(one)) for one in ledger_entries.unread(connection, account_id)}
    messages = _messages(connection, account_id)
    of_conversations, of_messages = ([one for one in ways if one in these] for these in (unread, messages))
    if unread <= {*of_conversations, *known}:
        _note(ways, of_conversations, known, {one.name: one.number for one in counted if one.why == sayings.UNSHOWN})
    if messages.keys() <= {*of_messages, *known}:
        most = Counter(metric for one in of_messages if one not in known for metric in messages[one])
        _note(ways, of_messages, known, _fitting(counted, most))


def _fitting(counted: list[More], most: Counter[str]) -> dict[str, int]:
    """Return what is counted more for no other reason, of metrics of which it is not more than may be why.

    most: metric -> how many messages may be why. In all, and on all days together: else something else is lost, too.
    """
    unexplained = [one for one in counted if one.why is None]
    in_all = Counter({one.metric: one.number for one in unexplained if one.name == one.metric})
    on_days = Counter[str]()
    for one in unexplained:
        on_days[one.metric] += one.number if one.name != one.metric else 0
    return {
        one.name: one.number for one in unexplained if max(in_all[one.metric], on_days[one.metric]) <= most[one.metric]
    }


def _note(ways: Ways, mine: list[tuple[FaultKind, str]], known: Before, books: dict[str, int]) -> None:
    """Note books of what is accepted, with what was known before of those that are accepted anew."""
    for one in mine:
        books = dict(_books(known[one])) | books if one in known else books
    if mine and books:
        ways[mine[0]]["books"] = books


def _messages(connection: Connection, account_id: int) -> dict[tuple[FaultKind, str], set[str]]:
    """Return the rejected messages that wait to be read well, and in which metrics the vendor may count each."""
    waiting = rejected.waiting(connection, account_id)
    mine = ((what, digests) for what, digests in waiting.items() if what.startswith(f"{MESSAGE.name}:"))
    names = {digest: what for what, digests in mine for digest in digests}
    query = select(RejectedRecord.digest, RejectedRecord.payload).where(
        RejectedRecord.account_id == account_id,
        RejectedRecord.entity == MESSAGE.name,
        RejectedRecord.resolved_at.is_(None),
    )
    found: dict[tuple[FaultKind, str], set[str]] = {}
    for row in connection.execute(query):
        sent = row.payload.get("message_type") if isinstance(row.payload, dict) else None
        told = MESSAGE_TYPES.get(sent) if isinstance(sent, int) else sent
        found.setdefault((FaultKind.REJECTED, names[row.digest]), set()).update(
            OF_TYPE.get(str(told), {INCOMING, OUTGOING})
        )
    return found


def _counted_more(connection: Connection, account_id: int, run_id: int, known: Iterable[Acceptance]) -> list[More]:
    rows = connection.execute(
        select(VendorCount).where(VendorCount.account_id == account_id, VendorCount.run_id == run_id)
    )
    found = []
    for row in rows:
        span = TimeSpan(int(row.since.timestamp()), int(row.until.timestamp()))
        is_whole = row.grain == "all"
        name = sayings.span_name(row.metric, span._replace(since=0) if is_whole else span, is_whole=is_whole)
        number = row.vendor - row.ours - sum(dict(_books(one)).get(name, 0) for one in known)
        if row.metric in METRICS and number > 0:
            found.append(More(name, row.metric, number, row.explained_by))
    return found


def _books(one: Acceptance) -> list[tuple[str, int]]:
    return list((one.as_it_was.get("books") or {}).items())
