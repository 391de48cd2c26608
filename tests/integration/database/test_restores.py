"""After a restore of a part: the check says what is missing, commands that need it refuse, `migrate` makes it anew."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Engine

from etl.commands import check
from etl.commands.check import Finding
from etl.database import migrate, objects
from etl.database.base import REVISION
from etl.database.engine import make_engine, transaction, where
from etl.demo.events import add_message
from etl.errors import DatabaseError
from etl.load import earlier_runs
from etl.selection import Selection
from etl.views import grants, readers, schema
from etl.workers import queue
from tests.databases import execute, new_database, plain, query
from tests.dumps import contents, dump, restore
from tests.end_to_end.workers.worker_processes import MESSAGES, messages_of
from tests.roles import drop_role
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job

HELPDESK = ("--schema=helpdesk",)
ALL = ("--schema=helpdesk", "--schema=bi", "--schema=etl_jobs")


@pytest.fixture
def night(engine: Engine) -> Iterator[Job]:
    """An account that was read once, into the database that is then dumped."""
    with job(account_of(6), engine) as night:
        assert night.run().outcome == "complete"
        yield night


@pytest.fixture
def restored(server_url: str) -> Iterator[Engine]:
    """An empty database to restore into."""
    with new_database(server_url) as url:
        engine = make_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def role(server_url: str, request: pytest.FixtureRequest) -> Iterator[str]:
    """A role whose name has to be quoted."""
    name = f'bi "reader" {request.node.name[:30]} א'
    execute(server_url, sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)).as_string())
    yield name
    drop_role(server_url, name)


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


def faults(engine: Engine) -> list[Finding]:
    """Return what the check says of the database and is no ok."""
    return [one for one in check.check_database(engine) if not one.ok]


def reads(engine: Engine, role: str, view: str = "contacts") -> str:
    """Return what a role reads of a view's first row's contact, or that it may not."""
    with psycopg.connect(plain(url_of(engine)), user=role) as connection:
        try:
            found = connection.execute(f"SELECT contact_name FROM bi.{view} ORDER BY contact_id").fetchone()
        except psycopg.errors.InsufficientPrivilege:
            return "refused"
    return found[0] if found else "nothing"


def assert_a_night_is_exact(night: Job, engine: Engine) -> None:
    """Have something happen, run, and compare every message, and the numbers of the runs."""
    night.engine = engine
    before = night.rows("SELECT max(run_id) FROM sync_runs")[0][0]
    add_message(night.vendor.accounts[0], 3, "written after the restore", LONG_AGO + 400 * DAY)
    run = night.run()
    assert (run.outcome, run.problems, run.run_id) == ("complete", [], before + 1)
    assert night.rows(MESSAGES) == messages_of(night.vendor.accounts[0])
    assert night.rows("SELECT count(*) FROM bi.messages") == [(len(messages_of(night.vendor.accounts[0])),)]


def test_nothing_is_missing_where_migrations_have_been_and_nothing_there_is_unknown(engine: Engine) -> None:
    with transaction(engine) as connection:
        assert objects.missing(connection, "helpdesk", objects.of_tables()) == []
        assert objects.missing(connection, "etl_jobs", objects.of_queue()) == []
        assert list(schema.missing_views(connection)) == []
        known = objects.of_tables() | schema.parts("helpdesk")
        there = objects.held(connection, "helpdesk")
    kinds = {"table", "column", "function", "view", "materialized view", "index"}
    kept = {part for part in there if part.kind in kinds}
    keys = {part.name for part in known if part.kind == "key"}
    unknown = {part for part in kept - known if part.name not in keys and "alembic_version" not in part.name}
    assert unknown == set()
    assert migrate.migrate(engine) == []


def test_a_restore_of_helpdesk_alone_is_told_made_whole_and_the_nights_go_on(
    night: Job, restored: Engine, tmp_path: Path, role: str
) -> None:
    engine = night.engine
    grants.grant(engine, role, with_personal_data=True)
    with pytest.raises(DatabaseError, match="Run `etl migrate`"):
        migrate.require_head(restored)
    restore(url_of(restored), dump(url_of(engine), tmp_path / "dump", *HELPDESK))

    found = {one.name: one for one in faults(restored)}
    assert set(found) == {"queue", "views", "readers"}
    assert found["queue"].said == (
        "Schema etl_jobs lacks function procrastinate_cancel_job_v1, function procrastinate_defer_jobs_v1,"
        " function procrastinate_defer_periodic_job_v2 and 38 more."
    )
    assert {one.advice for one in found.values()} == {"Run `etl migrate`."}
    migrate.require_head(restored)  # what only reads the tables goes on
    with pytest.raises(DatabaseError, match=r"Schema etl_jobs lacks .* Run `etl migrate`"):
        objects.require_queue(restored)

    told = migrate.migrate(restored)
    assert told[0] == "Made anew: the queue of jobs, in schema etl_jobs."
    assert told[1].startswith("Made anew: the views ")
    assert told[-1] == f"{role} may read the views of schema bi again, with personal data in clear."
    assert faults(restored) == []
    assert migrate.migrate(restored) == []
    assert_a_night_is_exact(night, restored)
    assert queue.queue_run(restored, 1, Selection()) == 1
    assert reads(restored, role) == "Dana"


@pytest.mark.long
def test_a_restore_of_all_three_schemas_lacks_nothing(night: Job, restored: Engine, tmp_path: Path, role: str) -> None:
    grants.grant(night.engine, role, with_personal_data=False)
    assert restore(url_of(restored), dump(url_of(night.engine), tmp_path / "dump", *ALL)) == ""
    assert [one for one in faults(restored) if one.name != "readers"] == []
    assert migrate.migrate(restored) == [f"{role} may read the views of schema bi again, with personal data masked."]
    assert faults(restored) == []
    assert_a_night_is_exact(night, restored)
    assert reads(restored, role) == "Contact 1"


@pytest.mark.long
def test_rights_that_a_restore_left_out_are_given_again(
    night: Job, restored: Engine, tmp_path: Path, role: str
) -> None:
    grants.grant(night.engine, role, with_personal_data=False)
    restore(url_of(restored), dump(url_of(night.engine), tmp_path / "dump", *ALL), "--no-owner", "--no-privileges")
    assert reads(restored, role) == "refused"
    (said,) = faults(restored)
    assert (said.ok, said.name) == (False, "readers")
    assert said.said == f"{role} may not read the views any more, as `etl grant` let it."
    migrate.migrate(restored)
    assert reads(restored, role) == "Contact 1"


def test_a_reader_that_is_not_there_is_named_and_comes_back_when_it_is(
    night: Job, restored: Engine, tmp_path: Path, role: str, server_url: str
) -> None:
    gone = f"{role} gone"
    execute(server_url, sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(gone)).as_string())
    grants.grant(night.engine, gone, with_personal_data=False)
    file = dump(url_of(night.engine), tmp_path / "dump", *HELPDESK)
    drop_role(server_url, gone)
    restore(url_of(restored), file)
    assert migrate.migrate(restored)[-1] == (
        f"{gone} could read the views, with personal data masked, and there is no such role: make it and run"
        " `etl migrate` again, or take it off the list with `etl grant --revoke`."
    )
    (said,) = faults(restored)
    assert (said.ok, said.said) == (None, f"There is no role {gone}, which `etl grant` let read the views.")
    execute(server_url, sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(gone)).as_string())
    migrate.migrate(restored)
    assert reads(restored, gone) == "Contact 1"
    grants.revoke(restored, gone)
    assert (reads(restored, gone), faults(restored)) == ("refused", [])
    drop_role(server_url, gone)


@pytest.mark.parametrize("taken", ["SELECT ON ALL TABLES IN SCHEMA bi", "SELECT ON bi.contacts", "USAGE ON SCHEMA bi"])
def test_a_right_that_was_taken_back_by_sql_does_not_come_back(engine: Engine, role: str, taken: str) -> None:
    grants.grant(engine, role, with_personal_data=True)
    execute(url_of(engine), f"REVOKE {taken} FROM {sql.Identifier(role).as_string()}")
    (said,) = faults(engine)
    assert (said.ok, said.said) == (None, f"Of {role} the right to read the views was taken back by SQL.")
    execute(url_of(engine), "DROP VIEW bi.sync_health")  # so that there is something to make
    told = migrate.migrate(engine)
    assert told == [
        f"{role} is no longer on the list of readers: its right to the views was taken back by SQL. `etl grant` gives"
        " it again.",
        "Made anew: the views sync_health.",
    ]
    migrate.migrate(engine, "0001_tables")
    migrate.migrate(engine)
    assert reads(engine, role) == "refused"
    assert query(url_of(engine), "SELECT * FROM view_readers") == query(
        url_of(engine), "SELECT * FROM personal_data_readers") == []  # fmt: skip


@pytest.mark.long
def test_what_an_earlier_version_granted_is_taken_over(engine: Engine, role: str) -> None:
    migrate.migrate(engine, "0007_contract")
    quoted = sql.Identifier(role).as_string()
    execute(url_of(engine), f"GRANT USAGE ON SCHEMA bi TO {quoted}")
    execute(url_of(engine), f"ALTER DEFAULT PRIVILEGES IN SCHEMA bi GRANT SELECT ON TABLES TO {quoted}")
    assert migrate.migrate(engine) == []
    assert reads(engine, role) == "nothing"
    assert query(url_of(engine), "SELECT role_name FROM view_readers") == [(role,)]
    of_views_to_come = "SELECT defaclacl FROM pg_default_acl"
    assert query(url_of(engine), of_views_to_come) == []
    migrate.migrate(engine, "0007_contract")
    assert len(query(url_of(engine), of_views_to_come)) == 1
    migrate.migrate(engine)
    assert reads(engine, role) == "nothing"


@pytest.mark.long
def test_what_others_said_of_views_to_come_is_not_taken_over(engine: Engine, role: str, server_url: str) -> None:
    """Anybody may, in any schema: whoever reads one view would get all."""
    migrate.migrate(engine, "0007_contract")
    quoted, group = sql.Identifier(role).as_string(), sql.Identifier(f"{role} group").as_string()
    execute(url_of(engine), f"CREATE ROLE {group}; GRANT {group} TO {quoted}; GRANT USAGE ON SCHEMA bi TO {quoted}")
    with psycopg.connect(plain(url_of(engine)), user=role, autocommit=True) as reader:
        reader.execute(
            f"ALTER DEFAULT PRIVILEGES FOR ROLE {group} IN SCHEMA bi GRANT SELECT ON TABLES TO {quoted}".encode()
        )
    migrate.migrate(engine)
    assert (reads(engine, role), query(url_of(engine), "SELECT * FROM view_readers")) == ("refused", [])
    drop_role(server_url, f"{role} group")


def test_a_role_that_was_dropped_leaves_nothing_to_who_is_called_so_later(engine: Engine, server_url: str) -> None:
    execute(server_url, "CREATE ROLE dropped_reader LOGIN")
    grants.grant(engine, "dropped_reader", with_personal_data=True)
    drop_role(server_url, "dropped_reader")
    said = "dropped_reader is no longer on the list of readers: there is no such role any more."
    assert migrate.migrate(engine) == [said]
    execute(server_url, "CREATE ROLE dropped_reader LOGIN")
    assert (migrate.migrate(engine), reads(engine, "dropped_reader")) == ([], "refused")
    assert query(url_of(engine), "SELECT * FROM personal_data_readers") == []
    drop_role(server_url, "dropped_reader")


def test_who_reads_all_the_same_is_told(engine: Engine, role: str, server_url: str) -> None:
    grants.grant(engine, role, with_personal_data=False)
    execute(url_of(engine), f"GRANT pg_read_all_data TO {sql.Identifier(role).as_string()}")
    with pytest.raises(DatabaseError, match="and it reads the views all the same"):
        grants.revoke(engine, role)
    with pytest.raises(DatabaseError, match="There is no role nobody, and none of this name was granted anything"):
        grants.revoke(engine, "nobody")
    with transaction(engine) as connection:
        assert not readers.is_reader(connection, role)


def test_messages_that_were_left_out_are_read_again(night: Job, restored: Engine, tmp_path: Path) -> None:
    left_out = "--exclude-table-data=helpdesk.messages"
    restore(url_of(restored), dump(url_of(night.engine), tmp_path / "dump", *ALL, left_out))
    lost = (
        "helpdesk.messages is empty, and runs have read messages: the table was restored without its rows."
        " Restore it, or run `etl migrate`: the next run then reads all histories again."
    )
    assert [one.said for one in faults(restored)] == [lost]
    with pytest.raises(DatabaseError) as refused:
        migrate.require_head(restored)
    assert str(refused.value) == lost
    assert migrate.migrate(restored) == [
        "Made anew: the marks of all histories, whose messages are gone: the next run reads them again."
    ]
    assert_a_night_is_exact(night, restored)


@pytest.mark.parametrize("by", ["migrate", "a quiet night"])
def test_rows_alone_are_restored_into_tables_that_were_migrated(
    night: Job, restored: Engine, tmp_path: Path, by: str
) -> None:
    migrate.migrate(restored)
    chosen = ("--schema=helpdesk", "--exclude-table-data=helpdesk.alembic_version")
    said = restore(
        url_of(restored), dump(url_of(night.engine), tmp_path / "dump", *chosen), "--data-only", "--disable-triggers"
    )
    assert said == ""
    assert faults(restored) == []  # the figures are rows, too
    of_figures = "SELECT count(*) FROM conversation_openings"
    source, night.engine = night.engine, restored
    if by == "migrate":
        assert migrate.migrate(restored) == []
    else:
        quiet = night.run()
        assert (quiet.outcome, quiet.tally.inserted) == ("complete", 0)
    assert query(url_of(restored), of_figures) == query(url_of(source), of_figures) != [(0,)]
    assert faults(restored) == []
    assert_a_night_is_exact(night, restored)


@pytest.mark.long
def test_a_dump_of_an_earlier_version_is_made_whole_by_the_migration(night: Job) -> None:
    engine = night.engine
    migrate.migrate(engine, "0006_askers")
    execute(url_of(engine), "DROP SCHEMA bi, etl_jobs CASCADE")
    assert migrate.migrate(engine) == ["Made anew: the queue of jobs, in schema etl_jobs."]
    assert faults(engine) == []
    assert_a_night_is_exact(night, engine)


def test_keys_and_indexes_that_were_left_out_are_made_anew(night: Job, restored: Engine, tmp_path: Path) -> None:
    file = dump(url_of(night.engine), tmp_path / "dump", *ALL)
    restore(url_of(restored), file, "--section=pre-data", "--section=data")
    with pytest.raises(DatabaseError, match=r"Schema helpdesk lacks index .* Run `etl migrate`, which makes it anew"):
        migrate.require_head(restored)
    migrate.migrate(restored)
    assert faults(restored) == []
    assert_a_night_is_exact(night, restored)


@pytest.mark.parametrize(
    "lost",
    [
        "conversation_openings",
        "customer_waits",
        "conversation_events",
        "open_spans",
        "obligations",
        "conversation_sums",
    ],
)
def test_figures_that_were_restored_without_rows_are_computed(
    night: Job, restored: Engine, tmp_path: Path, lost: str
) -> None:
    file = dump(url_of(night.engine), tmp_path / "dump", *ALL)
    chosen = tmp_path / "list"
    chosen.write_text("\n".join(line for line in contents(file) if f"TABLE DATA helpdesk {lost}" not in line))
    restore(url_of(restored), file, f"--use-list={chosen}")
    assert [one.said for one in faults(restored)] == [
        "Figures of schema bi are gone: their tables were restored without rows."
    ]
    migrate.migrate(restored)
    assert faults(restored) == []
    assert_a_night_is_exact(night, restored)


@pytest.mark.parametrize(
    ("statement", "made"),
    [
        ("DROP VIEW bi.contact_attribute_columns", ["the view bi.contact_attribute_columns"]),
        ("DROP VIEW bi.contacts, bi.csat", ["the views contacts, csat"]),
        ("DROP INDEX helpdesk.conversation_openings_open_idx", ["index conversation_openings_open_idx"]),
        ("DROP FUNCTION helpdesk.refresh_figures", ["the views refresh_figures"]),
        ("DROP FUNCTION helpdesk.mark_stale_by_states() CASCADE", ["the views mark_stale"]),
        ("DROP TRIGGER contacts_changed ON helpdesk.contacts", ["the views note_changes"]),
        ("DROP TRIGGER messages_updated ON helpdesk.messages", ["the views mark_stale"]),
        ("DROP FUNCTION helpdesk.attribute_date(jsonb) CASCADE",
         ["the functions that read custom attributes", "the views contact_attributes, conversation_attributes"]),
        ("DROP FUNCTION etl_jobs.procrastinate_cancel_job_v1 CASCADE",
         ["the queue of jobs, in schema etl_jobs; what waited in it is gone"]),
        ("DROP TYPE etl_jobs.procrastinate_job_status CASCADE",
         ["the queue of jobs, in schema etl_jobs; what waited in it is gone"]),
        ("DROP INDEX helpdesk.messages_written_idx", ["index messages_written_idx"]),
        ("ALTER TABLE helpdesk.attachments DROP CONSTRAINT attachments_account_id_message_id_fkey",
         ["key attachments_account_id_message_id_fkey"]),
    ],
)  # fmt: skip
def test_whatever_is_missing_alone_is_made_anew(engine: Engine, statement: str, made: list[str]) -> None:
    execute(url_of(engine), statement)
    assert faults(engine)
    assert migrate.migrate(engine) == [f"Made anew: {one}." for one in made]
    assert (faults(engine), migrate.migrate(engine)) == ([], [])


def test_the_rows_of_a_lost_table_are_not_made_up(night: Job) -> None:
    engine = night.engine
    execute(url_of(engine), "DROP TABLE helpdesk.conversation_states CASCADE")
    refusal = (
        f"Schema helpdesk lacks table conversation_states. Rows are lost with it: restore the whole schema of"
        f" {where(engine)} from a backup, or use a new database, then run `etl migrate && etl sync`."
    )
    for refuses in (migrate.migrate, migrate.require_head):
        with pytest.raises(DatabaseError) as refused:
            refuses(engine)
        assert str(refused.value) == refusal
    assert refusal in {one.said for one in faults(engine)}


def test_numbers_that_are_taken_are_not_given_again(night: Job) -> None:
    engine = night.engine
    execute(url_of(engine), "SELECT setval('helpdesk.sync_runs_run_id_seq', 1, false)")
    said = (
        "Sequence helpdesk.sync_runs_run_id_seq is behind 1, which is taken already. Run `etl migrate`, which sets it"
        " on."
    )
    assert [one.said for one in faults(engine)] == [said]
    with pytest.raises(DatabaseError) as refused:
        migrate.require_head(engine)
    assert str(refused.value) == said
    assert migrate.migrate(engine) == ["Made anew: the numbers of helpdesk.sync_runs_run_id_seq, from 2 on."]
    assert_a_night_is_exact(night, engine)
    assert earlier_runs.last_complete_start(engine, 1) is not None
    assert migrate.versions(engine) == (REVISION, REVISION)
