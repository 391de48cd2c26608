"""The job on partitioned tables, made by the very statements of docs/scaling.md."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine

from benchmarks.partitioned import statements
from etl.database import migrate
from etl.database.base import SCHEMA
from etl.demo import events
from etl.load.upsert import psycopg_of
from etl.views import attribute_columns, schema
from tests.databases import new_engine
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job

# What a run gives its own time to; a wait, too, ends by it where nobody but the run tells of the resolution.
TIMES = ["first_synced_at", "changed_at", "history_read_at", "valid_from", "valid_to", "ended_at"]
TABLES = (
    "contacts", "agents", "bots", "inboxes", "teams", "labels", "conversations", "conversation_labels",
    "conversation_states", "messages", "attachments", "conversation_ledger", "customer_waits",
)  # fmt: skip


@pytest.fixture
def plain(server_url: str, template: str) -> Iterator[Engine]:
    """Another database, whose tables stay as the migrations make them."""
    with new_engine(server_url, template) as engine:
        yield engine


def partition(engine: Engine, name: str) -> None:
    """Do as the document says: drop the views, execute its statements, make the views again."""
    with engine.begin() as connection:
        raw = psycopg_of(connection)
        attribute_columns.drop_views(raw)
        schema.drop(raw)
    apply(engine, name)
    migrate.migrate(engine)
    with engine.begin() as connection:
        attribute_columns.renew_views(connection)


def apply(engine: Engine, name: str) -> None:
    """Execute the statements of the document whose first line is the comment that names them."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statements(name))


def contents(engine: Engine) -> dict[str, list[dict]]:
    """Every row of every table, without the times of the runs."""
    url = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    found = {}
    with psycopg.connect(url) as connection:
        for table in TABLES:
            query = f"SELECT to_jsonb(t) - %s::text[] FROM {SCHEMA}.{table} AS t"
            found[table] = sorted((row[0] for row in connection.execute(query, [TIMES])), key=str)
    return found


def written(job: Job, account_id: int = 1) -> dict[str, tuple[int, int]]:
    """Run, and return how many rows of each table were inserted and updated."""
    run = job.run(account_id=account_id)
    assert (run.outcome, run.problems) == ("complete", [])
    counts = {table: (count["inserted"], count["updated"]) for table, count in run.tally.counts.items()}
    return {table: count for table, count in counts.items() if count != (0, 0)}


def rows_by_partition(job: Job, table: str) -> dict[str, int]:
    rows = job.rows(f"SELECT tableoid::regclass::text, count(*) FROM {table} GROUP BY 1")
    return dict(rows)


@pytest.mark.long
def test_by_account_the_tables_hold_the_same_rows_and_a_second_run_writes_none(engine: Engine, plain: Engine) -> None:
    partition(engine, "by account")
    accounts = [account_of(30, number=1), account_of(20, number=2)]
    accounts[0].conversations[3].labels = ["bug", "vip"]
    with job(accounts, engine) as partitioned:
        expected = Job(partitioned.vendor, partitioned.url, plain)
        for account_id in (1, 2):
            assert written(partitioned, account_id) == written(expected, account_id)
        assert contents(engine) == contents(plain)
        assert (written(partitioned, 1), written(partitioned, 2)) == ({}, {})

        events.add_message(accounts[0], 7, "one more", LONG_AGO + 50 * DAY)
        events.change_conversation(accounts[0], 3, LONG_AGO + 50 * DAY, by=1, labels=["vip"], status="resolved")
        assert written(partitioned) == written(expected)
        assert contents(engine) == contents(plain)
        assert len(rows_by_partition(partitioned, "messages")) == 2
        assert partitioned.rows("SELECT count(*) FROM ONLY messages") == [(0,)]


@pytest.mark.long
def test_by_account_and_month_rows_that_were_there_stay_and_new_ones_go_where_their_number_belongs(
    engine: Engine, plain: Engine
) -> None:
    account, other = account_of(30), account_of(2, number=2)
    with job([account, other], engine) as partitioned:
        expected = Job(partitioned.vendor, partitioned.url, plain)
        assert written(partitioned) == written(expected)
        partition(engine, "by account and month")
        apply(engine, "the next range")
        assert written(partitioned) == {}

        for first in (1_000_000, 2_000_000, 3_000_000):
            account.last_message_id = first - 1
            events.add_message(account, 7, f"message {first}", LONG_AGO + 50 * DAY + first)
        assert written(partitioned) == written(expected)
        assert written(partitioned, 2) == written(expected, 2)
        assert contents(engine) == contents(plain)
        assert written(partitioned) == {}
        assert partitioned.rows("SELECT count(*) FROM bi.messages") == [(99,)]
        assert rows_by_partition(partitioned, "messages") == {
            "messages_1_first": 90, "messages_1_1000000": 1, "messages_1_2000000": 1, "messages_1_rest": 1,
            "messages_others": 6,
        }  # fmt: skip


@pytest.mark.parametrize("name", ["by account", "by account and month"])
def test_partitioning_keeps_every_key_and_index_by_its_name(name: str, engine: Engine) -> None:
    """Later migrations name them; and triggers of a partition are not called by what is written to the whole table."""
    query = """
        SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'helpdesk'::regnamespace
        UNION SELECT tgrelid::regclass || ': ' || tgname FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT conname FROM pg_constraint WHERE connamespace = 'helpdesk'::regnamespace
    """
    with job(account_of(0), engine) as etl:
        before = set(etl.rows(query))
        partition(engine, name)
        assert before - set(etl.rows(query)) == set()
        assert etl.rows("SELECT indexrelid::regclass FROM pg_index WHERE NOT indisvalid") == []
