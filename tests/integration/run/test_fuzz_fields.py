"""Every field of every record of another type, or renamed, or no longer sent: a complete run has stored no wrong row.

Of another type: a value that is plainly meant is read; what its column cannot hold is NULL, in `extra`, and counted;
a key, or what figures rest on, costs the record, and the run is incomplete. Renamed or dropped between two runs: either
the run is complete, and the rows are what is true, or it is not, and overwrites nothing.

How many are tried: three of each of the two kinds, of one server, on each change; 1,400 of three servers in the long
run (`make test-long`).
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.server import serve
from etl.interrupt import Interrupt
from etl.load.journal import Run
from tests.examples import examples
from tests.integration.run.fuzzed_account import (
    Altering,
    Json,
    Tables,
    bring_back,
    extras,
    keep,
    let_something_happen,
    rich_account,
    tables,
)
from tests.integration.run.fuzzed_columns import (
    COLUMNS,
    ELSEWHERE,
    KEYS,
    NEEDED,
    TOLD_BY_ANOTHER,
    TOLD_TWICE,
    UNREADABLE,
    Place,
    meant,
)
from tests.integration.run.truth import ALWAYS, assert_equal, clear
from tests.scripted_account import Job

SEED = 13
FEW, MANY = 3, 700
# As many healthy nights as it may take until all is well again.
NIGHTS = 3
BEHAVIOURS = ("4.7", "2026", "2.14")

# What only some records have by their type: of the few that a night brings, none tells that it is no longer sent. What
# is stored stays, and of new ones it is NULL.
TOO_FEW_TO_TELL = {
    "attachment": "coordinates_lat coordinates_long extension fallback_title file_size height meta thumb_url"
    " transcribed_text width",
    "inside": "assignee_id",
}

# What loses its fields by being put into another object: a first run does not know that it ever had any.
NOT_KNOWN_TO_A_FIRST_RUN: set[Place] = {("conversation", "meta"), ("message", "conversation")}


# Values of other types

Change = Callable[[Any], Any]

OF_NUMBERS: dict[str, Change] = {
    "a fraction of nothing": float,
    "digits": str,
    "a half more": lambda value: value + 0.5,
    "a date": lambda value: datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC"),
    "a date with a T": lambda value: datetime.fromtimestamp(value, UTC).isoformat(),
    "a word": lambda _: "many",
}
OF_TEXTS: dict[str, Change] = {"a number": lambda _: 7, "a fraction": lambda _: 7.5}
OF_FLAGS: dict[str, Change] = {"a word": lambda value: str(value).lower(), "a number": int}
OF_STRUCTURES: dict[str, Change] = {"JSON text": json.dumps, "a word": lambda _: "many", "a number": lambda _: 7}
OF_ALL: dict[str, Change] = {
    "a flag": lambda value: value if isinstance(value, bool) else True,
    "an object": lambda value: {"value": value},
    "an array": lambda value: [value],
}


def changes_of(value: Any) -> dict[str, Change]:
    if isinstance(value, bool):
        return OF_FLAGS | OF_ALL
    if isinstance(value, int | float):
        return OF_NUMBERS | OF_ALL
    return (OF_TEXTS if isinstance(value, str) else OF_STRUCTURES) | OF_ALL


# What is right


@dataclass(frozen=True)
class Right:
    """What is stored of the account, before and after something happened, by runs that nothing disturbed."""

    before: Tables
    after: Tables
    fields: dict[str, dict[str, Any]]


def places(right: Right) -> Iterator[tuple[Place, Any]]:
    """Yield every field of every kind of record, with a value of it; of a sender all but its type is a person's."""
    for kind, named in right.fields.items():
        for name, value in named.items():
            if kind != "sender" or name == "type":
                yield (kind, name), value


def is_told(run: Run, place: Place) -> bool:
    """Return whether a run is not complete, or says of a list of names that it could not be read."""
    said = run.problems if run.outcome != "complete" else run.notes if place[0] == "list" else []
    assert said or run.outcome == "complete"
    return bool(said)


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no run of these tests really wait before it tries again."""
    monkeypatch.setattr(Interrupt, "sleep", lambda *_: None)


class Try:
    """The job against an account that may be altered."""

    def __init__(self, server: Altering, url: str, engine: Engine) -> None:
        self.server, self.etl = server, Job(server.vendor, url, engine)

    def run(self) -> Run:
        return self.etl.run(timeout_seconds=10, reread_days=ALWAYS, patrol_percent=0)


@contextmanager
def trying(engine: Engine, behaviour: str, *, begun: bool = False) -> Iterator[Try]:
    """Serve the account to empty tables, or to those that `learn` has kept."""
    if begun:
        bring_back(engine, _schema(behaviour))
    else:
        clear(engine)
    server = Altering(rich_account(), behaviour)
    with serve(server) as url:
        yield Try(server, url, engine)


def _schema(behaviour: str) -> str:
    return f"kept_{behaviour.replace('.', '_')}"


def learn(engine: Engine, behaviour: str) -> Right:
    """Have the account read by healthy runs, and held to the truth."""
    stored = []
    with trying(engine, behaviour) as one:
        account = one.server.vendor.account
        assert isinstance(account, Account)
        for happen in (lambda _: None, let_something_happen):
            happen(account)
            run = one.run()
            assert (run.outcome, run.problems) == ("complete", [])
            assert_equal(one.etl, account)
            stored.append(tables(one.etl))
            if len(stored) == 1:
                keep(engine, _schema(behaviour))
        return Right(*stored, fields=one.server.seen)


def learn_some(engine: Engine) -> dict[str, Right]:
    """Learn of as many servers as this run tries: to learn of one costs two runs."""
    return {behaviour: learn(engine, behaviour) for behaviour in BEHAVIOURS[: examples(1, len(BEHAVIOURS))]}


def until_well(one: Try, right: Tables) -> None:
    """Have healthy nights follow: in the end all is right, and none that is complete has a wrong row."""
    for _ in range(NIGHTS):
        run = one.run()
        if run.outcome == "complete":
            assert differences(right, tables(one.etl)) == []
            return
    raise AssertionError(f"not well after {NIGHTS} healthy nights: {run.problems}")


def differences(right: Tables, found: Tables) -> list[str]:
    faults = []
    for table, rows in right.items():
        faults += [f"{table} {key}: missing" for key in rows.keys() - found[table].keys()]
        faults += [f"{table} {key}: too many" for key in found[table].keys() - rows.keys()]
        faults += [
            f"{table} {key}: {name} is {found[table][key][name]!r} instead of {value!r}"
            for key in rows.keys() & found[table].keys()
            for name, value in rows[key].items()
            if found[table][key][name] != value
        ]
    return sorted(faults)[:8]


def wrongly_overwritten(before: Tables, right: Tables, found: Tables) -> list[str]:
    """Return what is neither as it was nor as it has to be: of new rows, columns may be NULL."""
    faults = []
    for table, rows in found.items():
        faults += [f"{table} {key}: gone" for key in before[table].keys() - rows.keys()]
        for key, row in rows.items():
            was, will = before[table].get(key), right[table].get(key)
            if was is None and will is None:
                faults.append(f"{table} {key}: too many")
                continue
            if row.get("partial"):
                continue  # what the witness tells of it has columns of its own
            faults += [
                f"{table} {key}: {name} is {value!r}"
                for name, value in row.items()
                if value not in [one[name] for one in (was, will) if one] and not (was is None and value is None)
            ]
    return sorted(faults)[:8]


# The type of every field


@dataclass(frozen=True)
class Retyped:
    """A field of every record of a kind, what it becomes, and whether the tables hold all before."""

    place: Place
    change: str
    behaviour: str
    begun: bool

    def alter(self, record: Json, name: str) -> None:
        record[name] = changes_of(record[name])[self.change](record[name])


# Of which two columns of the message are.
INSIDE: Place = ("message", "conversation")


class NoRecord(Exception):
    """A key, or what figures rest on, cannot be read."""


def after_retyping(right: Tables, how: Retyped, sent: dict[tuple[str, Any], Any]) -> tuple[Tables, dict[Any, Any]]:
    """Return the rows that are right, and key -> value of those that cannot be read; raise NoRecord."""
    place, behaviour = how.place, how.behaviour
    kind, name = place
    if place == INSIDE:
        return _without_inside(right), {number: value for (_, number), value in sent.items()}
    if name not in COLUMNS.get(kind, {}):
        return right, {}
    table, column, meaning = COLUMNS[kind][name]
    changed = {one: {key: dict(row) for key, row in right[one].items()} for one in (table, "conversation_states")}
    unreadable = {}
    for (_, number), value in sent.items():
        read = meant(meaning, value)
        if place in NEEDED and read in (UNREADABLE, None):
            raise NoRecord
        if read is UNREADABLE:
            unreadable[number], read = value, None
            if place in TOLD_TWICE and not (name == "timestamp" and behaviour == "2.14"):
                continue
        for one in {table, "conversation_states"} if kind == "conversation" else {table}:
            row = next((row for key, row in changed[one].items() if key[-1] == number), {})
            if column in row and place not in KEYS:
                row[column] = read
    return right | changed, unreadable


def _without_inside(right: Tables) -> Tables:
    nothing = {f"conversation_{name}": None for name in COLUMNS["inside"]}
    return right | {"messages": {key: row | nothing for key, row in right["messages"].items()}}


def all_retyped(right: dict[str, Right]) -> list[Retyped]:
    return [
        Retyped((kind, name), change, behaviour, begun)
        for behaviour in right
        for (kind, name), value in places(right[behaviour])
        if value is not None
        for change in changes_of(value)
        for begun in (True, False)
        if begun or change != "an object" or (kind, name) not in NOT_KNOWN_TO_A_FIRST_RUN
    ]


def try_retyped(engine: Engine, right: Right, how: Retyped) -> None:
    with trying(engine, how.behaviour, begun=how.begun) as one:
        before = tables(one.etl)
        one.server.place, one.server.alter = how.place, how.alter
        run = one.run()
        found = tables(one.etl)
        try:
            expected, unreadable = after_retyping(right.before, how, one.server.sent)
        except NoRecord:
            assert run.outcome != "complete", "complete, without the records"
            expected, unreadable = right.before, {}
        if not is_told(run, how.place):
            assert differences(expected, found) == []
            assert_kept(one, run, how.place, unreadable, is_let_go=how.place == TOLD_BY_ANOTHER and not how.begun)
            return
        assert wrongly_overwritten(before, expected, found) == []
        one.server.place = None
        until_well(one, right.before)


def _table(place: Place) -> str:
    return "messages" if place == INSIDE else COLUMNS[place[0]][place[1]][0]


def assert_kept(one: Try, run: Run, place: Place, unreadable: dict[Any, Any], *, is_let_go: bool = False) -> None:
    """Require that what could not be read is in `extra`, unless that has let go of it, and counted."""
    if unreadable:
        kept = {key[-1]: list(extra.values()) for key, extra in extras(one.etl, _table(place)).items()}
        lost = [number for number, value in unreadable.items() if value not in kept[number]]
        assert lost == (list(unreadable) if is_let_go else []), f"not in `extra` of {lost}"
        assert run.tally.of_another_kind + run.tally.beyond_range > 0, "not counted"


@pytest.mark.long
def test_a_field_of_another_type_is_read_or_null_or_costs_the_record_and_the_run_is_not_complete(
    engine: Engine,
) -> None:
    right = learn_some(engine)
    try_all(all_retyped(right), lambda how: try_retyped(engine, right[how.behaviour], how))


# Renamed or dropped between two runs


@dataclass(frozen=True)
class Vanished:
    """A field of every record of a kind; renamed: to what, None: dropped. news: whether something happens meanwhile."""

    place: Place
    renamed: str | None
    behaviour: str
    news: bool

    def alter(self, record: Json, name: str) -> None:
        value = record.pop(name)
        if self.renamed:
            record[self.renamed] = value


def is_too_rare(place: Place) -> bool:
    kind, name = place
    return name in TOO_FEW_TO_TELL.get(kind, "").split()


def all_vanished(right: dict[str, Right]) -> list[Vanished]:
    return [
        Vanished((kind, name), renamed, behaviour, news)
        for behaviour in right
        for (kind, name), _ in places(right[behaviour])
        for renamed in (None, f"{name}_v2")
        for news in (True, False)
        if not (news and is_too_rare((kind, name)))
    ]


def try_vanished(engine: Engine, right: Right, how: Vanished) -> None:
    with trying(engine, how.behaviour, begun=True) as one:
        account = one.server.vendor.account
        assert isinstance(account, Account)
        if how.news:
            let_something_happen(account)
        true = right.after if how.news else right.before
        one.server.place, one.server.alter = how.place, how.alter
        run = one.run()
        found = tables(one.etl)
        if not is_told(run, how.place):
            assert differences(true, found) == []
            return
        assert wrongly_overwritten(right.before, true, found) == []
        one.server.place = None
        until_well(one, true)


def test_a_field_that_vanishes_is_told_or_leaves_every_row_true(engine: Engine) -> None:
    right = learn_some(engine)
    try_all(all_vanished(right), lambda how: try_vanished(engine, right[how.behaviour], how))


# All


@pytest.mark.long
@pytest.mark.long
def test_every_field_that_is_sent_and_has_a_column_is_known_to_this_fuzz(engine: Engine) -> None:
    """Nothing is left out for want of a name: what has a column of its name is in COLUMNS."""
    right = learn(engine, "4.7")
    tables_of = {kind: next(iter(columns.values()))[0] for kind, columns in COLUMNS.items()}
    unknown = [
        (kind, name)
        for kind, table in tables_of.items()
        for name in right.fields.get(kind, {})
        if name in next(iter(right.before[table].values())) and name not in COLUMNS[kind] and name not in ELSEWHERE
    ]
    assert unknown == []
    unsent = [(kind, name) for kind, columns in COLUMNS.items() for name in columns if name not in right.fields[kind]]
    assert unsent == []


def try_all(cases: list[Any], try_one: Callable[[Any], None]) -> None:
    """Try as many cases as this run does, none twice, and say which failed, and how."""
    faults = []
    chosen = Random(SEED).sample(cases, min(len(cases), examples(FEW, MANY)))
    for how in chosen:
        try:
            try_one(how)
        except AssertionError as error:
            faults.append(f"{how}\n    {str(error)[:500]}")
    assert not faults, f"{len(faults)} of {len(chosen)} failed, of seed {SEED}:\n" + "\n".join(faults)
