"""What `etl export` reads of a view of schema `bi`: which columns, of which account, masked or not; as one query."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from psycopg import sql
from sqlalchemy import Connection, text

from etl.database.base import SCHEMA
from etl.errors import DatabaseError, SettingsError
from etl.views import attribute_columns
from etl.views.schema import BI_SCHEMA, PUBLIC

OURS = {*PUBLIC, *(view.name for view in attribute_columns.VIEWS)}

EVERY_VIEW = """
    SELECT view.relname FROM pg_class AS view
    WHERE view.relnamespace = to_regnamespace(:schema) AND view.relkind IN ('v', 'm')
    ORDER BY 1
"""
COLUMNS = """
    SELECT col.attname, format_type(col.atttypid, NULL), type.typcategory::text
    FROM pg_attribute AS col JOIN pg_type AS type ON type.oid = col.atttypid
    WHERE col.attrelid = to_regclass(format('%I.%I', CAST(:schema AS text), CAST(:view AS text)))
    AND col.attnum > 0 AND NOT col.attisdropped
    ORDER BY col.attnum
"""
ACCOUNTS = f"SELECT account_id, time_zone FROM {SCHEMA}.accounts ORDER BY 1"  # noqa: S608 -- a constant
MASK = "SET LOCAL etl.personal_data = 'masked'"
SEES = f"SELECT allowed FROM {SCHEMA}.personal_data_access"  # noqa: S608 -- a constant
UTC = "UTC"


@dataclass(frozen=True)
class ViewColumn:
    """A column: its name, its type as PostgreSQL spells it, and the one letter that its kind has in pg_type."""

    name: str
    type: str
    category: str


@dataclass(frozen=True)
class Exported:
    """A view, with the account whose rows are read (None: all), and the zone of its times (None: several)."""

    name: str
    columns: tuple[ViewColumn, ...]
    account_id: int | None
    zone: str | None

    def query(self, columns: Iterable[sql.Composable]) -> sql.Composed:
        """Return the query for these columns."""
        asked = sql.SQL("SELECT {} FROM {}").format(sql.SQL(", ").join(columns), sql.Identifier(BI_SCHEMA, self.name))
        if self.account_id is None:
            return asked
        return asked + sql.SQL(" WHERE account_id = {}").format(sql.Literal(self.account_id))


def find(connection: Connection, name: str, account_id: int | None) -> Exported:
    """Return what to read of a view; raise SettingsError where there is no such view, or no such account."""
    name = name.removeprefix(f"{BI_SCHEMA}.")
    there = list(connection.execute(text(EVERY_VIEW), {"schema": BI_SCHEMA}).scalars())
    if name not in there:
        near = get_close_matches(name, there, 3) or there
        raise SettingsError(f"There is no view {name} in schema {BI_SCHEMA}; there is {', '.join(near)}.")
    rows = connection.execute(text(COLUMNS), {"schema": BI_SCHEMA, "view": name})
    columns = tuple(ViewColumn(*row) for row in rows)
    zones = {row.account_id: row.time_zone for row in connection.execute(text(ACCOUNTS))}
    if account_id is not None:
        if account_id not in zones:
            raise SettingsError(f"--account {account_id}: the tables have {_listed(zones) or 'none yet'}.")
        if "account_id" not in {column.name for column in columns}:
            raise SettingsError(f"--account {account_id}: view {name} does not tell accounts apart.")
        zones = {account_id: zones[account_id]}
    different = set(zones.values()) or {UTC}
    return Exported(name, columns, account_id, different.pop() if len(different) == 1 else None)


def require_one_zone(connection: Connection, exported: Exported) -> str:
    """Return the zone in which all times are written; raise SettingsError where accounts have different ones."""
    if exported.zone is None:
        zones = {row.account_id: row.time_zone for row in connection.execute(text(ACCOUNTS))}
        raise SettingsError(
            f"The accounts have different time zones: {_listed(zones)}. Say which one: --account ID; or write a file"
            " .parquet, whose times know their zone."
        )
    return exported.zone


def protect(connection: Connection, name: str, with_personal_data: bool) -> None:
    """Have the transaction see personal data, or not; raise DatabaseError where it would do otherwise."""
    if not with_personal_data:
        if name not in OURS:
            raise SettingsError(
                f"View {name} is none that etl has made, so it is not known what is personal in it. Add --personal-data"
                " to export it as it is."
            )
        connection.execute(text(MASK))
    sees = connection.scalar(text(SEES))
    if sees and not with_personal_data:
        raise DatabaseError(
            "The views show personal data whatever is asked for: an earlier version of etl made them. Run"
            " `etl migrate --drop-views && etl migrate`. Nothing is exported."
        )
    if with_personal_data and not sees:
        raise DatabaseError(
            "--personal-data: the user of DATABASE_URL may not see them. `etl grant --with-personal-data`, by the owner"
            " of the tables, lets a role; or export without."
        )


def _listed(zones: dict[int, str]) -> str:
    return ", ".join(f"account {account_id} ({zone})" for account_id, zone in zones.items())
