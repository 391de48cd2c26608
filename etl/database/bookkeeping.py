"""The tables of the job's own books: runs, counts, rejected records, the ledger, and who may read personal data."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Identity,
    Index,
    false,
    func,
)
from sqlalchemy.orm import Mapped

from etl.database import acceptances  # noqa: F401 -- METADATA
from etl.database.base import Base, OfAccount, column, refers_to


class SyncRun(OfAccount, Base):
    """One execution of the job: what it did, and how complete it was."""

    __tablename__ = "sync_runs"
    __table_args__ = (
        refers_to("accounts"),
        Index(None, "account_id", "started_at"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(Identity(), primary_key=True, sort_order=-1, comment="Number of the run")
    kind: Mapped[str] = column(comment="sync or backfill")
    selection: Mapped[dict[str, Any] | None] = column(comment="What was asked for; NULL: everything")
    outcome: Mapped[str] = column(comment="running, complete, incomplete, failed or interrupted")
    started_at: Mapped[datetime] = column(comment="Begin (UTC)")
    finished_at: Mapped[datetime | None] = column(comment="End (UTC); NULL while it runs")
    host: Mapped[str] = column(comment="Machine on which it runs")
    process_id: Mapped[int] = column(comment="Process number on that machine")
    requests: Mapped[int | None] = column(comment="Requests sent, retries included")
    retries: Mapped[int | None] = column(comment="Requests that repeated a failed one")
    pages: Mapped[int | None] = column(comment="Pages of conversations read")
    counts: Mapped[dict[str, Any] | None] = column(
        comment="By table: rows seen, inserted, updated, unchanged; of a run that was killed, what it had saved"
    )
    rejected: Mapped[int | None] = column(comment="Records that could not be stored (see rejected_records)")
    unknown_fields: Mapped[list[str] | None] = column(comment="Fields that no column holds, kept in `extra`")
    proof: Mapped[str | None] = column(
        comment="Why nothing is missing: walk (every page was read), or counts (what changed was read, and the vendor's"
        " four counts are those of the tables); NULL: neither, or only a selection was read"
    )
    sees_silent_moves: Mapped[bool | None] = column(
        comment="Whether it read also what moved without a message or somebody's doing; NULL: it read every page of"
        " what was selected"
    )
    highest_id: Mapped[int | None] = column(
        comment="Highest conversation id; NULL for a selection, which has no ledger"
    )
    loaded: Mapped[int | None] = column(comment="Conversations that the run saw, or proved to be there by counts")
    deleted: Mapped[int | None] = column(comment="Conversations deleted upstream")
    forbidden: Mapped[int | None] = column(comment="Conversations that the token may not see")
    unreadable: Mapped[int | None] = column(comment="Conversations that the vendor's server cannot show")
    unaccounted: Mapped[int | None] = column(comment="Ids about which nothing is known: the run is not complete")
    audit: Mapped[dict[str, Any] | None] = column(
        comment="Against the vendor's search: conversations, messages, read, witnessed, unaccounted; NULL: no audit"
    )
    contact_ledger: Mapped[dict[str, Any] | None] = column(
        comment="Of the list of contacts: counted (by the vendor), loaded, gone, not_shown; NULL: it was not read"
    )
    books: Mapped[dict[str, Any] | None] = column(
        comment="Against the vendor's own counts: metric -> vendor, ours, explained, days that differ, if any;"
        " NULL: they were not asked for"
    )
    notes: Mapped[list[str] | None] = column(comment="What is worth knowing of the run and no fault; NULL: nothing")
    problems: Mapped[list[str] | None] = column(comment="Why the run is not complete, in sentences; NULL: nothing")
    quotes: Mapped[list[str] | None] = column(
        comment="What notes and problems quote of answers and searches; NULL: nothing, or personal data are not kept"
    )
    known: Mapped[dict[str, Any] | None] = column(
        comment="What was accepted and stayed so: kind -> which (see acceptances); NULL: nothing"
    )
    unseen: Mapped[list[Any] | None] = column(
        comment="Conversations in the tables that it could not see (an array of their ids, as texts); NULL: it saw all",
    )


class SyncPart(OfAccount, Base):
    """A part of a run that several workers share; there are rows only while it goes on."""

    __tablename__ = "sync_parts"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The run that was cut")
    number: Mapped[int] = column(primary_key=True, autoincrement=False, comment="Which part, from 1")
    walk: Mapped[str] = column(comment="The status that is walked")
    first_page: Mapped[int] = column(comment="The first of its pages")
    last_page: Mapped[int | None] = column(
        comment="The last of its pages; NULL: all up to the empty one that ends the walk"
    )
    result: Mapped[dict[str, Any] | None] = column(
        comment="What was read and saved, in numbers and ids; NULL until it is done"
    )


class SyncTally(OfAccount, Base):
    """What a run has saved so far, itself and in each part, counted in the transactions that save it."""

    __tablename__ = "sync_tallies"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The run, which goes on")
    part: Mapped[int] = column(
        primary_key=True, autoincrement=False, comment="Which part of it that workers share; 0: what it saves itself"
    )
    attempt: Mapped[int] = column(comment="How many attempts at it were begun; only the last one may save anything")
    tally: Mapped[dict[str, Any]] = column(comment="What all attempts have saved, in numbers and ids")


class AccountCount(OfAccount, Base):
    """The vendor's own counts, one row a status a run."""

    __tablename__ = "account_counts"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    run_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The run that read them")
    status: Mapped[str] = column(primary_key=True, comment="The status that was walked")
    mine_count: Mapped[int | None] = column(comment="Assigned to the token's user")
    new_count: Mapped[int | None] = column(comment="New, where the server counts them")
    assigned_count: Mapped[int | None] = column(comment="Assigned to somebody")
    unassigned_count: Mapped[int | None] = column(comment="Assigned to nobody")
    all_count: Mapped[int | None] = column(comment="All of this status")


class RejectedRecord(OfAccount, Base):
    """A record that could not become a row: why, and what it was."""

    __tablename__ = "rejected_records"
    __table_args__ = (
        refers_to("sync_runs", "run_id", key="run_id"),
        {"comment": __doc__},
    )

    entity: Mapped[str] = column(primary_key=True, comment="conversation, message, contact, attachment ...")
    digest: Mapped[str] = column(primary_key=True, comment="SHA-256 of reason and JSON: the same fault is kept once")
    entity_id: Mapped[str | None] = column(comment="The record's id as sent, where there is one")
    conversation_id: Mapped[int | None] = column(comment="The conversation in which it came, where that can be read")
    run_id: Mapped[int] = column(comment="The last run that met it")
    reason: Mapped[str] = column(comment="The field, and what was there")
    quote: Mapped[str | None] = column(
        comment="What the reason quotes of the record; NULL: nothing, or personal data are not kept"
    )
    payload: Mapped[dict[str, Any] | None] = column(comment="The record as sent")
    first_rejected_at: Mapped[datetime] = column(server_default=func.now(), comment="When it was first met (UTC)")
    resolved_at: Mapped[datetime | None] = column(comment="When the record was later read well (UTC)")


class LedgerEntry(OfAccount, Base):
    """A conversation id without a row in conversations, and why."""

    __tablename__ = "conversation_ledger"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    conversation_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The id")
    state: Mapped[str] = column(comment="deleted (a gap), forbidden or unreadable")
    reason: Mapped[str | None] = column(comment="What the vendor answered")
    quote: Mapped[str | None] = column(
        comment="What the reason quotes of the answer; NULL: nothing, or personal data are not kept"
    )
    checked_at: Mapped[datetime] = column(comment="When it was last asked for (UTC)")
    asker: Mapped[str | None] = column(
        comment="Digest of the token and its role that may not see it; NULL: not forbidden, or before this was kept"
    )
    failure: Mapped[str | None] = column(
        comment="What went wrong, in the job's own words; by them the same failure is known again"
    )
    nights: Mapped[int] = column(server_default="1", comment="On how many days it was found so (UTC)")
    counted_as: Mapped[str | None] = column(
        comment="Of one that cannot be read: the status in which the vendor counts it, or not counted; NULL: unknown"
    )


class ApiContract(OfAccount, Base):
    """What the vendor sends: a field a row, as the runs have met it; values are not kept."""

    __tablename__ = "api_contract"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    entity: Mapped[str] = column(primary_key=True, comment="conversation, message, contact, inbox ...")
    path: Mapped[str] = column(primary_key=True, comment="The field, by the vendor's names, dots between them")
    kinds: Mapped[list[str]] = column(
        comment="Kinds of its values: null, boolean, integer, number, text, object, array; gone, accepted"
    )
    records: Mapped[int] = column(comment="How many records the share is of: those of the last runs")
    share: Mapped[float] = column(comment="In which part of them the field told something, from 0 to 1")
    taken: Mapped[bool] = column(comment="Whether a column, or another table, holds it")
    first_run_id: Mapped[int] = column(comment="The first run that met it")
    last_run_id: Mapped[int] = column(comment="The last run that met it")


class ViewReader(Base):
    """A role of the database that reads the views of schema `bi` (etl grant)."""

    __tablename__ = "view_readers"
    __table_args__ = ({"comment": __doc__},)

    role_name: Mapped[str] = column(primary_key=True, comment="Name of the role; its members are meant, too")
    schema_oid: Mapped[int | None] = column(
        comment="Number of the schema `bi` in which it has the right; another one: that was made anew, as by a restore;"
        " NULL: the role was not there"
    )
    granted_at: Mapped[datetime] = column(server_default=func.now(), comment="When it was given the right (UTC)")


class PersonalDataReader(Base):
    """A role of the database that sees personal data in the views of schema `bi` (etl grant)."""

    __tablename__ = "personal_data_readers"
    __table_args__ = ({"comment": __doc__},)

    role_name: Mapped[str] = column(primary_key=True, comment="Name of the role; its members are meant, too")


class SuppressedContact(OfAccount, Base):
    """A contact of whom nothing personal is kept, now and in later runs: `etl forget`."""

    __tablename__ = "suppressed_contacts"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    contact_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, comment="The contact; it need not be in the tables"
    )
    suppressed_at: Mapped[datetime] = column(server_default=func.now(), comment="Since when (UTC)")


class Redaction(OfAccount, Base):
    """How far `etl redact` has rewritten a table; there are rows only while it is not done, and no run begins."""

    __tablename__ = "redactions"
    __table_args__ = (refers_to("accounts"), {"comment": __doc__})

    table_name: Mapped[str] = column(primary_key=True, comment="The table")
    mode: Mapped[str] = column(comment="How its personal data are stored when it is done: hash or drop")
    key: Mapped[str | None] = column(comment="Fingerprint of the key of the hashes; NULL: nothing is hashed")
    position: Mapped[dict[str, Any] | None] = column(comment="Key of the last row that was rewritten; NULL: none was")
    done: Mapped[bool] = column(server_default=false(), comment="Whether the table is rewritten to its end")
