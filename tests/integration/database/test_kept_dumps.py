"""A database that an earlier version left is upgraded with all that is in it, goes on, and can be taken back."""

import gzip
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, text

from etl.commands import check
from etl.database import migrate
from etl.database.engine import make_engine
from etl.database.models import METADATA
from etl.views import schema
from tests.databases import new_database
from tests.dumps import restore
from tests.integration.database.test_migrate import OPTIONS
from tests.keep_dump import FOLDER, ROOT

DUMPS = sorted(FOLDER.glob("*.dump.gz"))
COLUMNS = """
    SELECT table_name, array_agg(column_name::text ORDER BY column_name) FROM information_schema.columns
    WHERE table_schema = 'helpdesk' AND table_name IN (
        SELECT tablename FROM pg_tables WHERE schemaname = 'helpdesk' AND tablename <> 'alembic_version'
    ) GROUP BY table_name
"""
VIEWS = "SELECT viewname FROM pg_views WHERE schemaname = 'bi' ORDER BY viewname"
# These are worked out anew wherever a rule has changed since.
COMPUTED = {*schema.FIGURES, "inbox_days", "figures_computed"}
COMPATIBILITY = (ROOT / "docs" / "compatibility.md").read_text(encoding="utf-8")
Rows = dict[str, list[str]]


def version_of(file: Path) -> str:
    return file.name.removesuffix(".dump.gz")


@pytest.fixture(params=DUMPS, ids=version_of)
def kept(server_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Engine]:
    """A database that was restored from a kept dump, at the revision of its version."""
    file = tmp_path / "kept.dump"
    file.write_bytes(gzip.decompress(request.param.read_bytes()))
    with new_database(server_url) as url:
        assert restore(url, file, "--no-owner") == ""
        engine = make_engine(url)
        yield engine
        engine.dispose()


def columns_of(engine: Engine) -> dict[str, list[str]]:
    with engine.connect() as connection:
        return {name: columns for name, columns in connection.execute(text(COLUMNS)) if name not in COMPUTED}


def rows(engine: Engine, tables: dict[str, list[str]]) -> Rows:
    """Return what is in these columns of these tables, a row a line."""
    read: Rows = {}
    with engine.connect() as connection:
        for name, columns in tables.items():
            listed = ", ".join(f'"{one}"' for one in columns)
            asked = (
                f"SELECT to_jsonb(one)::text AS line FROM (SELECT {listed} FROM helpdesk.{name}) AS one ORDER BY line"
            )
            read[name] = list(connection.scalars(text(asked)))
    return read


def test_all_that_an_earlier_version_had_is_there_after_the_upgrade_and_after_the_way_back(
    kept: Engine, request: pytest.FixtureRequest
) -> None:
    revision, _ = migrate.versions(kept)
    had = columns_of(kept)
    before = rows(kept, had)
    assert sum(map(len, before.values())) > 500
    assert {"conversations", "messages", "rejected_records", "sync_runs"} <= {name for name in had if before[name]}

    assert f"| {version_of(request.node.callspec.params['kept'])} | `{revision}` |\n" in COMPATIBILITY
    migrate.migrate(kept)
    with kept.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=OPTIONS), METADATA) == []
    assert rows(kept, had) == before

    migrate.migrate(kept, revision)
    assert rows(kept, columns_of(kept)) == before


def test_every_view_reads_it_and_the_check_finds_no_fault(kept: Engine) -> None:
    migrate.migrate(kept)
    assert [one for one in check.check_database(kept) if not one.ok] == []
    with kept.connect() as connection:
        for view in list(connection.scalars(text(VIEWS))):
            connection.execute(text(f'SELECT * FROM bi."{view}" LIMIT 1'))
        assert connection.scalar(text("SELECT count(*) FROM bi.conversations WHERE NOT is_deleted")) == 23


def test_this_version_keeps_a_dump_for_those_to_come() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version in map(version_of, DUMPS), "run `make keep-dump`"
