"""A view as Parquet, for programs: types stay what they are, and times know their zone."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

from psycopg import Connection, sql

from etl.errors import SettingsError
from etl.views.csv_file import Seen
from etl.views.exported import UTC, Exported

if TYPE_CHECKING:
    import pyarrow

ROWS_AT_ONCE = 20_000

# How many digits before and after the point the numbers of a column take, at most.
DIGITS = "max(length(trunc(abs({0}))::text)), max(scale({0}))"
MOST_DIGITS, MOST_DIGITS_AT_ALL = 38, 76


def require_parquet() -> None:
    """Raise SettingsError where the library that writes Parquet is not installed."""
    try:
        import pyarrow  # noqa: F401 -- whether it is there
    except ImportError as error:
        raise SettingsError(
            'A file .parquet needs a library more: pip install "etl-99digital[parquet]", where etl is installed. A file'
            " .csv needs none."
        ) from error


def write_parquet(raw: Connection[Any], exported: Exported, to: tuple[IO[bytes], Seen]) -> int:
    """Write all rows; return how many. to: the file, and who is told now and then how many there are by then."""
    import pyarrow
    from pyarrow import parquet

    schema = _schema(raw, exported)
    file, seen = to
    query = exported.query(_cell(field, field.type == pyarrow.string()) for field in schema)
    rows = 0
    with parquet.ParquetWriter(file, schema) as writer, raw.cursor(name="etl_export") as cursor:
        cursor.execute(query)
        while found := cursor.fetchmany(ROWS_AT_ONCE):
            columns = zip(*found, strict=True)
            arrays = [pyarrow.array(one, field.type) for one, field in zip(columns, schema, strict=True)]
            writer.write_batch(pyarrow.record_batch(arrays, schema=schema))
            rows += len(found)
            seen(rows)
    return rows


def _schema(raw: Connection[Any], exported: Exported) -> "pyarrow.Schema":
    import pyarrow

    kinds = {
        "bigint": pyarrow.int64(),
        "integer": pyarrow.int32(),
        "smallint": pyarrow.int16(),
        "double precision": pyarrow.float64(),
        "real": pyarrow.float32(),
        "boolean": pyarrow.bool_(),
        "date": pyarrow.date32(),
        "timestamp with time zone": pyarrow.timestamp("us", exported.zone or UTC),
        "text[]": pyarrow.list_(pyarrow.string()),
        "bigint[]": pyarrow.list_(pyarrow.int64()),
    }
    kinds |= dict(_decimals(raw, exported))
    of_column = {one.name: one.name if one.type == "numeric" else one.type for one in exported.columns}
    return pyarrow.schema([(name, kinds.get(kind, pyarrow.string())) for name, kind in of_column.items()])


def _decimals(raw: Connection[Any], exported: Exported) -> "Iterator[tuple[str, pyarrow.DataType]]":
    """Yield the type of each column of numbers that have as many digits as they like; no digit is lost."""
    import pyarrow

    names = [column.name for column in exported.columns if column.type == "numeric"]
    if not names:
        return
    asked = exported.query(sql.SQL(DIGITS).format(sql.Identifier(name)) for name in names)
    found = raw.execute(asked).fetchone() or ()
    for name, before, after in zip(names, found[::2], found[1::2], strict=True):
        digits = max((before or 1) + (after or 0), 1)
        if digits > MOST_DIGITS_AT_ALL:  # such a number nobody but PostgreSQL holds
            yield name, pyarrow.string()
        else:
            kind = pyarrow.decimal128 if digits <= MOST_DIGITS else pyarrow.decimal256
            yield name, kind(MOST_DIGITS if digits <= MOST_DIGITS else MOST_DIGITS_AT_ALL, after or 0)


def _cell(field: "pyarrow.Field", is_text: bool) -> sql.Composable:
    """Return what is asked for: what Parquet has no type for, as JSON, is text, as PostgreSQL writes it."""
    return sql.SQL("{}::text" if is_text else "{}").format(sql.Identifier(field.name))
