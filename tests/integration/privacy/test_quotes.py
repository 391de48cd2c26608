"""Every class of error with a marker in what it quotes: nowhere when personal data are dropped, or redacted later."""

import inspect
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.server import Answer, serve
from etl.errors import (
    AnotherRun,
    BadValue,
    BeyondRange,
    DatabaseError,
    DeletionsRefused,
    EtlError,
    Interrupted,
    Limited,
    NoSession,
    SettingsError,
    TryAgain,
    Unfit,
)
from etl.extract import memory
from etl.extract.client import Client
from etl.privacy import redact
from etl.privacy.rules import way_of
from etl.run import sync
from etl.run.joined import TornError
from etl.selection import Selection
from etl.settings.settings import Settings
from etl.transform import entities
from etl.transform.fields import Entity
from etl.transform.values import whole
from tests.databases import new_engine
from tests.end_to_end.run.test_kills import TOKEN, settings
from tests.etl_process import RunEtl, environment_of
from tests.marked_vendor import (
    ANSWERS,
    BEYOND,
    DIGITS,
    FEW_BYTES,
    HIDDEN,
    MARK,
    QUOTE_NOTHING,
    SPOILED,
    TERM,
    VALUES,
    VENDOR_ERRORS,
    found,
    mark,
    marked_vendor,
    sent,
)
from tests.personal_data import everything_stored, whole_tables
from tests.ping_service import pinged


def classes(kind: type[EtlError] = EtlError) -> list[type[EtlError]]:
    return [kind, *(one for inner in kind.__subclasses__() for one in classes(inner))]


QUOTING = [one for one in classes() if "quote" in inspect.signature(one.__init__).parameters]


@pytest.fixture
def keeping(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Answer], Client]]:
    """Make a client, where personal data are kept, of a server that answers the same to everything."""
    monkeypatch.setattr(memory, "MEGABYTE", FEW_BYTES)
    servers = []

    def make(answer: Answer) -> Client:
        servers.append(serve(lambda _: answer))
        url = servers[-1].__enter__()
        return Client(Settings(base_url=url, account_id=1, api_token=TOKEN, retry_attempts=1))

    yield make
    for one in servers:
        one.__exit__(None, None, None)


@pytest.mark.parametrize("kind", QUOTING, ids=lambda kind: kind.__name__)
def test_every_class_that_quotes_is_made_here_and_has_the_mark_in_its_quote(
    keeping: Callable[[Answer], Client], kind: type[EtlError]
) -> None:
    """A new class fails here until there is an answer, or a value, that makes it."""
    if kind is BeyondRange:
        with pytest.raises(BeyondRange) as beyond:
            whole(BEYOND)
        assert DIGITS in beyond.value.quote
    elif kind is BadValue:
        every = {one.read for entity in vars(entities).values() if isinstance(entity, Entity) for one in entity.fields}
        assert every == VALUES.keys()
        for reader in every:
            with pytest.raises(BadValue) as bad:
                reader(sent(reader))
            assert type(bad.value) is BadValue
            assert (MARK in bad.value.quote or DIGITS in bad.value.quote) == (reader not in QUOTE_NOTHING)
            assert MARK not in bad.value.sentence
    else:
        for name in VENDOR_ERRORS[kind]:
            client = keeping(ANSWERS[name][1])
            with pytest.raises(kind) as failed:
                client.get("conversations", [("q", TERM)])
            error = failed.value
            assert (type(error), mark(name) in error.quote, f"q={TERM}" in error.address) == (kind, True, True)
            assert MARK not in error.sentence
            assert client.quotes == {TERM, error.quote}


def test_all_other_classes_quote_nothing() -> None:
    others = {EtlError, SettingsError, AnotherRun, Interrupted, DatabaseError, NoSession, DeletionsRefused, Limited}
    others |= {Unfit}
    assert set(classes()) - set(QUOTING) == others | {TornError}


def test_a_429_quotes_nothing(keeping: Callable[[Answer], Client]) -> None:
    client = keeping(Answer(429, mark("429").encode(), headers={"Retry-After": "0"}))
    with pytest.raises(TryAgain) as failed:
        client.get("x")
    assert (failed.value.quote, MARK in str(failed.value), client.quotes) == ("", False, set())


@pytest.fixture
def base_url() -> Iterator[str]:
    with marked_vendor() as url:
        yield url


# The command line with a small bound, so that an answer can be too large.
PATCHED = f"""
from etl.extract import memory
memory.MEGABYTE = {FEW_BYTES}
from etl.commands.main import main
main()
"""


def patched(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PATCHED, *arguments],
        env=environment_of(folder) | variables,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def run_everything(etl: RunEtl, folder: Path, variables: dict[str, str]) -> list[str]:
    """Run all that meets the marks; return all that was said, each thing once for people and once as JSON."""
    each = [word for at in range(1, SPOILED) for word in ("--conversation", str(at))]
    runs = [
        patched(folder, "backfill", *each, **variables),
        etl("sync", "--json", **variables, ETL_LOG_FORMAT="json"),
        etl("backfill", "--search", TERM, **variables),
        etl("check", **variables),
    ]
    # The check copes with what a run copes with.
    assert [one.returncode for one in runs] == [3, 3, 1, 0], [one.stderr for one in runs]
    return [one.stdout + one.stderr for one in runs]


def ask_everything(etl: RunEtl, variables: dict[str, str]) -> list[str]:
    """Return all that is said of runs that were."""
    commands = ("status", "status --json", "runs --json", "runs --run 1", "runs --run 2 --json", "runs --run 3", "jobs")
    return [(done := etl(*command.split(), **variables)).stdout + done.stderr for command in commands]


@pytest.mark.long
def test_with_drop_no_mark_is_anywhere(etl: RunEtl, engine: Engine, tmp_path: Path, base_url: str) -> None:
    url = engine.url.render_as_string(hide_password=False)
    with pinged() as service:
        told = {"ETL_PING_URL": service.url, "ETL_METRICS_FILE": str(tmp_path / "{account_id}.prom")}
        variables = settings(base_url, url, ETL_PII="drop", ETL_RETRY_ATTEMPTS="2", **told)
        said = [*run_everything(etl, tmp_path, variables), *ask_everything(etl, variables)]
    everything = "\n".join([*said, (tmp_path / "1.prom").read_text(), *(body for _, body in service.told)])
    assert found(everything) == []
    assert found(everything_stored(engine)) == []
    # All of it was met.
    for shown in ("answered 400.", "redirected, and the token is not sent there; set ETL_BASE_URL.", "than a quarter",
                  "answered 408. Attempt 1", "answered 502.", "answered 504.", "the answer is no JSON. Attempt 1",
                  "answered 401.", "no answer (", "answered 403.", "answered 404.", "q=..."):  # fmt: skip
        assert shown in everything
    assert len(rows_of(engine, "SELECT FROM helpdesk.conversation_ledger WHERE reason IS NOT NULL")) == len(HIDDEN)
    for table in ("conversation_ledger", "rejected_records"):
        assert rows_of(engine, f"SELECT FROM helpdesk.{table} WHERE quote IS NOT NULL") == []
    rejected = {reason for (reason,) in rows_of(engine, "SELECT reason FROM helpdesk.rejected_records")}
    assert rejected == {
        "created_at: expected a time",
        "private: expected true or false",
        "message_type: expected a whole number",
        "content_attributes: is nested too deeply",
        "title: expected text of at most 500 characters",
    }


@pytest.mark.long
def test_kept_the_marks_are_there_and_redacted_they_are_nowhere(
    etl: RunEtl, engine: Engine, tmp_path: Path, base_url: str
) -> None:
    variables = settings(base_url, engine.url.render_as_string(hide_password=False), ETL_RETRY_ATTEMPTS="1")
    run_everything(etl, tmp_path, variables)
    with engine.begin() as connection:
        # As a run leaves it that several workers shared, and that was killed.
        connection.execute(
            text("INSERT INTO helpdesk.sync_parts VALUES (1, 1, 1, 'open', 1, 2, CAST(:result AS jsonb))"),
            {"result": orjson.dumps({"why": mark("part")}).decode()},
        )
    stored = everything_stored(engine)
    names = {*ANSWERS, "surveys", "term", "part", *(one.__name__ for one in VALUES)}
    without = {"text", "word", "sender_type", "_message_type", "structure"}  # numbers; and what is too deep for JSON
    assert [name for name in sorted(names - without) if mark(name) not in stored] == []
    assert all(one in stored for one in (str(BEYOND), f"{DIGITS}.5", f"{DIGITS}.25"))
    runs = rows_of(engine, "SELECT problems, notes, quotes FROM helpdesk.sync_runs ORDER BY run_id")
    assert [len(row.quotes) for row in runs] == [len(ANSWERS), 3, 2]
    for row in runs:
        said = "\n".join([*row.problems, *(row.notes or [])])
        assert [one for one in row.quotes if one not in said] == []
    # Monitors send mail: they are not told even where it is kept.
    told = etl("status", **variables).stdout + etl("status", "--json", **variables).stdout
    assert ("run 2 was incomplete: " in told, found(told)) == (True, [])
    assert etl("redact", "--yes", **variables, ETL_PII="drop").returncode == 0
    assert found(everything_stored(engine)) == []
    assert found("\n".join(ask_everything(etl, variables))) == []
    assert rows_of(engine, "SELECT FROM helpdesk.sync_runs WHERE quotes IS NOT NULL") == []


@pytest.mark.long
def test_what_is_taken_out_leaves_what_would_have_been_said_without_it(
    engine: Engine, server_url: str, template: str, base_url: str
) -> None:
    keep = Settings(base_url=base_url, account_id=1, api_token=TOKEN, retry_attempts=1)
    drop = keep.model_copy(update={"pii": "drop"})
    selections = Selection(), Selection("backfill", conversations=tuple(range(1, SPOILED))), Selection(search=TERM)
    with new_engine(server_url, template) as directly:
        for selection in selections:
            sync.run(drop, directly, selection, sync.Hooks())
            sync.run(keep, engine, selection, sync.Hooks())
        redact.redact(engine, 1, way_of(drop), lambda *_: None)
        assert whole_tables(engine) == whole_tables(directly)
        problems = [
            rows_of(one, "SELECT problems, quotes FROM helpdesk.sync_runs ORDER BY 1") for one in (engine, directly)
        ]
    assert problems[0] == problems[1]
    assert len(problems[0]) == len(selections)


def rows_of(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)))
