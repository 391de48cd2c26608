"""Switching how personal data are stored: rewritten is what a run would have stored, and nothing is hashed twice."""

from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.database.engine import make_engine
from etl.demo.generate import generate
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.errors import AnotherRun, DatabaseError, SettingsError
from etl.load import journal
from etl.load.run_lock import hold
from etl.privacy import redact, rewrite
from etl.privacy.rules import Way, way_of
from etl.selection import Selection
from etl.settings.settings import Settings
from tests.databases import new_database
from tests.etl_process import RunEtl, settings
from tests.examples import in_the_long_run
from tests.integration.privacy.test_modes import MODES, PIECES, hashed, hostile, recorded_job, spoiled
from tests.personal_data import ANOTHER_KEY, KEY, OF_AGENTS, everything_stored, identities_of, texts_of, whole_tables
from tests.recorded_vendor import ZONE
from tests.scripted_account import Job, account_of, job, walking_job

KEEP: dict[str, Any] = {"pii": "keep"}
OTHER = MODES["hash"] | {"pii_key": ANOTHER_KEY}


class Broken(Exception):
    """The process dies."""


def way(**chosen: Any) -> Way:
    return way_of(Settings(account_id=1, api_token="demo-token", **chosen))


def to(engine: Engine, chosen: dict[str, Any], after: int | None = None) -> redact.Done:
    """Redact; die after so many pages."""
    left = [after]

    def watch(*_: object) -> None:
        if left[0] is not None:
            if left[0] == 0:
                raise Broken
            left[0] -= 1

    return redact.redact(engine, 1, way(**chosen), watch)


def but_counts(engine: Engine) -> dict[str, list[Any]]:
    """Return whole tables, but not the counts that each run writes down."""
    return {table: rows for table, rows in whole_tables(engine).items() if table != "account_counts"}


@pytest.fixture
def other_engine(server_url: str, template: str):
    with new_database(server_url, template) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.mark.parametrize(
    ("first", "then"),
    [(KEEP, MODES["hash"]), (KEEP, MODES["drop"]), (MODES["hash"], MODES["drop"])],
    ids=["keep to hash", "keep to drop", "hash to drop"],
)
def test_what_is_rewritten_is_what_a_run_would_have_stored(
    engine: Engine, other_engine: Engine, first: dict[str, Any], then: dict[str, Any]
) -> None:
    for change in (None, spoiled()):
        with walking_job(hostile(), other_engine, change) as directly:
            directly.run(Selection(audit=True), **then)
        with walking_job(hostile(), engine, change) as afterwards:
            afterwards.run(Selection(audit=True), **first)
            if change is None:
                continue
            done = to(engine, then)
    assert not done.read_again
    # A digest that was made with another key cannot be made anew: the text is gone.
    apart = ("content_digest", "digests") if first is not KEEP else ()
    assert whole_tables(engine, *apart) == whole_tables(other_engine, *apart)
    assert done.rewritten["contacts"] == 2


@pytest.mark.long
@pytest.mark.parametrize("mode", ["hash", *in_the_long_run("drop")])
def test_the_recorded_account_is_rewritten_as_it_would_have_been_stored(
    recorded_4_7_engine: Engine, other_engine: Engine, mode: str
) -> None:
    chosen = MODES[mode] | {"reread_days": 0, "timezone": ZONE}
    with recorded_job(other_engine) as directly:
        directly.run(**chosen)
        quiet = [directly.run(**chosen) for _ in range(2)][1]
    with recorded_job(recorded_4_7_engine) as afterwards:
        to(recorded_4_7_engine, MODES[mode])
        assert but_counts(recorded_4_7_engine) == but_counts(other_engine)
        run = afterwards.run(**chosen)
        assert {table: one["updated"] + one["inserted"] for table, one in run.tally.counts.items()} == {
            "conversations": 0,
            "messages": 0,
            "contacts": 0,
            "attachments": 0,
        }
        # The digests are there again: the next night is a quiet one.
        assert afterwards.run(**chosen).tally.counts == quiet.tally.counts


@pytest.mark.parametrize("mode", MODES)
def test_nothing_personal_is_left(engine: Engine, mode: str) -> None:
    account = generate(60, ties=0.2)
    with job(account, engine) as demo:
        demo.run(Selection(audit=True))
    assert any(one in everything_stored(engine) for one in identities_of(account))
    to(engine, MODES[mode])
    stored = everything_stored(engine, without=OF_AGENTS)
    assert [one for one in identities_of(account) | texts_of(account) if one in stored] == []


@pytest.mark.long
def test_nothing_hidden_is_left_and_no_search_term(engine: Engine) -> None:
    with job(hostile(), engine, spoiled()) as scripted:
        scripted.run(Selection(audit=True))
        scripted.run(Selection("backfill", search="dana.levi@example.com"))
    to(engine, MODES["hash"])
    stored = everything_stored(engine, without=frozenset({"agents"}))
    assert [one for one in PIECES if one in stored] == []


@pytest.mark.long
def test_killed_after_each_page_it_goes_on_and_hashes_nothing_twice(
    engine: Engine, other_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rewrite, "ROWS_A_PAGE", 7)
    with job(generate(12), other_engine) as directly:
        directly.run(**MODES["hash"])
    with job(generate(12), engine) as afterwards:
        afterwards.run()
        pages = 0
        for pages in range(1, 1_000):
            try:
                to(engine, MODES["hash"], after=0)
            except Broken:
                with pytest.raises(SettingsError, match="`etl redact` was begun and is not done"):
                    afterwards.run(**[KEEP, MODES["hash"], MODES["drop"]][pages % 3])
            else:
                break
    assert pages > 20
    assert whole_tables(engine) == whole_tables(other_engine)


def test_a_page_that_fails_leaves_nothing_of_itself(engine: Engine, other_engine: Engine) -> None:
    """The transaction of a page fails at its end, when rows are hashed and the position is written down."""
    with walking_job(hostile(), other_engine) as directly:
        directly.run(**MODES["hash"])
    with walking_job(hostile(), engine) as afterwards:
        afterwards.run()
    with engine.begin() as connection:
        connection.execute(
            text("""
                CREATE FUNCTION helpdesk.refuse() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE 'the power fails'; END $$;
                CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON helpdesk.redactions DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.table_name = 'messages' AND NOT NEW.done) EXECUTE FUNCTION helpdesk.refuse()
            """)
        )
    with pytest.raises(DatabaseError, match="the power fails"):
        to(engine, MODES["hash"])
    with engine.begin() as connection:
        connection.execute(text("DROP FUNCTION helpdesk.refuse CASCADE"))
    to(engine, MODES["hash"])
    assert whole_tables(engine) == whole_tables(other_engine)


@pytest.mark.long
@pytest.mark.parametrize(
    ("first", "then"),
    [
        (MODES["drop"], KEEP),
        (MODES["hash"], OTHER),
        *in_the_long_run((MODES["hash"], KEEP), (MODES["drop"], MODES["hash"])),
    ],
    ids=["drop to keep", "to another key", "hash to keep", "drop to hash"],
)
def test_what_cannot_be_restored_is_read_again(
    engine: Engine, other_engine: Engine, first: dict[str, Any], then: dict[str, Any]
) -> None:
    with job(hostile(), other_engine) as directly:
        directly.run(**then)
    with job(hostile(), engine) as scripted:
        scripted.run(**first)
        assert to(engine, then).read_again
        # Until then nothing pretends to be what it is not.
        assert scripted.rows("SELECT DISTINCT email FROM contacts") == [(None,)]
        assert scripted.run(**then).outcome == "complete"
        assert scripted.asked()[1] == [1, 2]
    assert but_counts(engine) == but_counts(other_engine)


@pytest.mark.long
def test_a_rejected_record_is_there_once_with_its_payload_when_it_was_met_again(engine: Engine) -> None:
    with job(hostile(), engine, spoiled()) as scripted:
        rejected = scripted.run(**MODES["hash"]).tally.rejected
        to(engine, KEEP)
        scripted.run()
        query = "SELECT count(*), count(payload) FROM rejected_records WHERE resolved_at IS NULL"
        ((records, payloads),) = scripted.rows(query)
    assert (records, payloads) == (records, records)
    assert 0 < records <= rejected


def begun(engine: Engine, chosen: dict[str, Any]) -> Job:
    """An account that is rewritten up to the first page."""
    with job(hostile(), engine) as scripted:
        scripted.run()
        with pytest.raises(Broken):
            to(engine, chosen, after=0)
        return scripted


@pytest.mark.long
def test_what_is_half_hashed_can_be_dropped(engine: Engine) -> None:
    scripted = begun(engine, MODES["hash"])
    to(engine, MODES["drop"])
    query = "SELECT contacts.name, personal_data FROM accounts JOIN contacts USING (account_id) ORDER BY id"
    assert scripted.rows(query) == [(None, "drop"), (None, "drop")]


@pytest.mark.parametrize("chosen", [KEEP, OTHER], ids=["keep", "another key"])
def test_what_is_half_hashed_is_finished_first(engine: Engine, chosen: dict[str, Any]) -> None:
    begun(engine, MODES["hash"])
    with pytest.raises(SettingsError, match="Another `etl redact`, to ETL_PII=hash, was begun"):
        to(engine, chosen)


def test_it_does_nothing_twice_and_not_while_a_run_goes_on(engine: Engine) -> None:
    with job(hostile(), engine) as scripted:
        scripted.run()
        to(engine, MODES["hash"])
        before = everything_stored(engine)
        assert to(engine, MODES["hash"]) == redact.Done()
        assert everything_stored(engine) == before
        with hold(engine, 1):
            journal.open_run(engine, journal.Run(1, "sync"))
            with pytest.raises(AnotherRun):
                to(engine, MODES["drop"])


@pytest.mark.long
def test_another_account_stays_as_it_is(engine: Engine) -> None:
    with job([account_of(1), account_of(1, number=2)], engine) as scripted:
        scripted.run()
        scripted.run(account_id=2)
        to(engine, MODES["hash"])
        assert scripted.rows("SELECT account_id, name FROM contacts ORDER BY 1") == [(1, hashed("Dana")), (2, "Dana")]
        assert scripted.run(account_id=2).outcome == "complete"


def test_the_command_asks_rewrites_and_says_what_it_did(etl: RunEtl, database_url: str) -> None:
    vendor = Vendor(account_of(2), token="t" * 20)
    with serve(vendor) as base_url:
        variables = settings(base_url, database_url, ETL_API_TOKEN="t" * 20)
        nothing = etl("redact", "--yes", **variables)
        assert (nothing.returncode, "Nothing of account 1 is stored" in nothing.stderr) == (2, True)
        etl("sync", **variables)
        secret = {"ETL_PII": "hash", "ETL_PII_KEY": KEY}
        refused = etl("redact", **variables, **secret)
        assert (refused.returncode, "add --yes if that is wanted" in refused.stderr) == (2, True)
        done = etl("redact", "--yes", **variables, **secret)
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines() == [
            "  contacts                        2 rows rewritten",
            "  messages                        6 rows rewritten",
            "Personal data of account 1 are now hashed.",
        ]
        again = etl("redact", **variables, **secret)
        assert again.stdout == "Personal data of account 1 are hashed, as ETL_PII says.\n"
        back = etl("redact", "--yes", **variables)
        assert back.stdout.splitlines()[-1] == (
            "What was hashed or dropped cannot be restored: `etl sync` now reads everything again."
        )
        assert etl("sync", **variables).returncode == 0
    for one in (nothing, refused, done, again, back):
        assert KEY not in one.stdout + one.stderr
