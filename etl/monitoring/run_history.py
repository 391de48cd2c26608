"""What the journal tells of past runs: lists, one run, and how an account stands."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, cast, func, select
from sqlalchemy.dialects.postgresql import JSONPATH, distinct_on

from etl.database.bookkeeping import RejectedRecord, SyncRun
from etl.database.dimensions import Account
from etl.database.engine import transaction
from etl.database.models import Conversation
from etl.database.witnesses import Verification
from etl.exit_codes import Outcome
from etl.load import earlier_runs, ledger_entries, proofs, run_lock
from etl.load.journal import OVER_EVERYTHING, Run
from etl.load.tally import tally_of

# As bi.sync_health has it.
BOOKS_AGREE = (SyncRun.books != {}) & ~func.jsonb_path_exists(
    SyncRun.books, cast("$.* ? (@.vendor != @.ours + @.explained || @.days > 0)", JSONPATH)
)
OLDEST_READING = select(func.min(func.coalesce(Conversation.history_read_at, Conversation.first_synced_at))).where(
    Conversation.deleted_at.is_(None)
)
LEDGER = ("highest_id", "loaded", "deleted", "forbidden", "unreadable", "unaccounted")


@dataclass(frozen=True)
class Standing:
    """How an account stands; runs are rows with the columns of sync_runs.

    last_complete: when the last complete run over everything began (UTC). last: the last one over everything that
    ended, however it did. under_way: what the journal has as running; is_alive: whether a process is behind it.
    conversations_unaccounted, messages_unaccounted: by the last ledger, and by the last audit; None without one.
    books_agree: when the last run began whose books agree with the vendor's (UTC). oldest_reading: when the history was
    read that was not read for the longest time (UTC). verified: the last row of verifications of everything. None
    without one. rows_differing: how many rows that one, and a later one of a selection, found to differ and left so.
    walked_at: when the last complete run began that walked every page (UTC). unreadable: the ids of the conversations
    that could not be read when they were last asked for, in their order.
    """

    account_id: int
    last_complete: datetime | None = None
    last: Any = None
    under_way: Any = None
    is_alive: bool = False
    conversations_unaccounted: int | None = None
    messages_unaccounted: int | None = None
    books_agree: datetime | None = None
    oldest_reading: datetime | None = None
    verified: Any = None
    rows_differing: int = 0
    walked_at: datetime | None = None
    unreadable: tuple[int, ...] = ()


def _runs() -> Select[Any]:
    """Return a query for rows with the columns of sync_runs, in which only what goes on is running."""
    columns = SyncRun.__table__.columns
    return select(*(one for one in columns if one.name != "outcome"), run_lock.outcome().label("outcome"))


def last_runs(engine: Engine, limit: int) -> list[Any]:
    """Return the last runs, newest first, as rows with the columns of sync_runs."""
    query = _runs().order_by(SyncRun.run_id.desc()).limit(limit)
    with transaction(engine) as connection:
        return list(connection.execute(query))


def last_of_each_kind(engine: Engine, account_id: int) -> list[Any]:
    """Return the account's last sync and its last backfill that ended, as rows with the columns of sync_runs."""
    query = (
        _runs()
        .ext(distinct_on(SyncRun.kind))
        .where(SyncRun.account_id == account_id, ~run_lock.goes_on())
        .order_by(SyncRun.kind, SyncRun.run_id.desc())
    )
    with transaction(engine) as connection:
        return list(connection.execute(query))


def find_run(engine: Engine, run_id: int) -> Any:
    """Return one run as a row with the columns of sync_runs; None when there is none of this number."""
    with transaction(engine) as connection:
        return connection.execute(_runs().where(SyncRun.run_id == run_id)).first()


def rejected_reasons(engine: Engine, run: Run) -> list[Any]:
    """Return (entity, reason, records) of what a run rejected and no later one did, the most frequent first."""
    records = func.count().label("records")
    query = (
        select(RejectedRecord.entity, RejectedRecord.reason, records)
        .where(RejectedRecord.account_id == run.account_id, RejectedRecord.run_id == run.run_id)
        .group_by(RejectedRecord.entity, RejectedRecord.reason)
        .order_by(records.desc(), RejectedRecord.entity, RejectedRecord.reason)
    )
    with transaction(engine) as connection:
        return list(connection.execute(query))


def run_of(row: Any) -> Run:
    """Make a run from its row; figures that the journal lacks, as the run was killed or goes on, are zero."""
    return Run(
        row.account_id,
        row.kind,
        row.selection,
        run_id=row.run_id,
        outcome=Outcome(row.outcome),
        started_at=row.started_at,
        finished_at=row.finished_at,
        ledger=None if row.highest_id is None else {name: getattr(row, name) or 0 for name in LEDGER},
        proof=row.proof,
        sees_silent_moves=row.sees_silent_moves,
        audit=row.audit,
        contact_ledger=row.contact_ledger,
        books=row.books,
        problems=row.problems or [],
        notes=row.notes or [],
        known=row.known or {},
        unseen=list(map(int, row.unseen or ())),
        tally=tally_of(row),
    )


def standings(engine: Engine, wanted: Sequence[int] = ()) -> list[Standing]:
    """Return how the wanted accounts stand; without any, every account in the database."""
    with transaction(engine) as connection:
        known = wanted or list(connection.scalars(select(Account.account_id).order_by("account_id")))
        return [_standing(engine, connection, account_id) for account_id in known]


def _standing(engine: Engine, connection: Connection, account_id: int) -> Standing:
    def last(query: Select[Any], *which: ColumnElement[bool]) -> Any:
        chosen = query.where(SyncRun.account_id == account_id, *which)
        return connection.execute(chosen.order_by(SyncRun.run_id.desc()).limit(1)).first()

    is_open = SyncRun.outcome == Outcome.RUNNING
    under_way = last(_runs(), is_open)
    if under_way and under_way.outcome != Outcome.RUNNING:
        # A run is closed before it gives its lock away: one that is still open now was killed.
        under_way = last(_runs(), is_open, SyncRun.run_id == under_way.run_id)
    ledger = last(select(SyncRun.unaccounted), SyncRun.unaccounted.is_not(None))
    audit = last(select(SyncRun.audit), SyncRun.audit.is_not(None))
    return Standing(
        account_id,
        earlier_runs.last_complete_start(engine, account_id),
        last(_runs(), ~is_open, OVER_EVERYTHING),
        under_way,
        under_way is not None and under_way.outcome == Outcome.RUNNING,
        ledger and ledger.unaccounted,
        audit and audit.audit.get("unaccounted"),
        connection.scalar(select(func.max(SyncRun.started_at)).where(SyncRun.account_id == account_id, BOOKS_AGREE)),
        connection.scalar(OLDEST_READING.where(Conversation.account_id == account_id)),
        *_verified(connection, account_id),
        proofs.last_walk(connection, account_id)[0],
        tuple(sorted(ledger_entries.unread(connection, account_id))),
    )


def _verified(connection: Connection, account_id: int) -> tuple[Any, int]:
    """Return the last verification of everything, and how many rows it and the last one of all left that differ."""
    newest = select(Verification).where(Verification.account_id == account_id).order_by(Verification.number.desc())
    last = connection.execute(newest.limit(1)).first()
    whole = connection.execute(newest.where(Verification.selection.is_(None)).limit(1)).first()
    both = {one.number: one for one in (whole, last) if one}.values()
    return whole, sum(one.conversations_differing + one.messages_differing - one.repaired for one in both)
