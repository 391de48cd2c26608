"""A view as CSV that Excel opens right: PostgreSQL writes it row by row, and nothing is kept of it."""

from collections.abc import Callable
from typing import IO, Any

from psycopg import Connection, sql

from etl.views.exported import Exported, ViewColumn

# Without it Excel takes UTF-8 for the code page of Windows.
BEGINS = b"\xef\xbb\xbf"
LINE_END = b"\r\n"
# What a spreadsheet computes, as OWASP lists it ("CSV Injection"), the wide forms of East Asia included.
COMPUTED = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 -- these are meant
AS_TEXT = "'"
# More rows, below that of the names, no sheet has.
MOST_ROWS_OF_EXCEL = 1_048_575
ROWS_BETWEEN = 1_000

NUMBERS = "N"
PLAIN = "CASE WHEN left({0}, 1) = ANY ({1}) THEN {2} || {0} ELSE {0} END"
# A year before Christ or after 9999 has no form that Excel reads: it is written as PostgreSQL spells it.
LOCAL = """
    CASE WHEN {0} >= '0001-01-02+00' AND {0} < '9999-12-31+00'
    THEN to_char({0} AT TIME ZONE {1}, 'YYYY-MM-DD HH24:MI:SS') ELSE {0}::text END
"""

Seen = Callable[[int], None]


def write_csv(raw: Connection[Any], exported: Exported, zone: str, to: tuple[IO[bytes], Seen]) -> int:
    """Write all rows, times by the clocks of a zone; return how many.

    to: the file, and who is told now and then how many rows there are by then.
    """
    file, seen = to
    names = (_quoted(column.name) for column in exported.columns)
    file.write(BEGINS + ",".join(names).encode() + LINE_END)
    query = exported.query(_cell(column, zone) for column in exported.columns)
    rows = 0
    with raw.cursor().copy(sql.SQL("COPY ({}) TO STDOUT (FORMAT csv)").format(query)) as copy:
        for line in copy:  # each is a row: the protocol has them so
            file.write(bytes(line[:-1]) + LINE_END)
            rows += 1
            if rows % ROWS_BETWEEN == 0:
                seen(rows)
    return rows


def _cell(column: ViewColumn, zone: str) -> sql.Composable:
    name = sql.Identifier(column.name)
    if column.category == NUMBERS or column.type == "date":
        return name
    if column.type == "boolean":
        return sql.SQL("{}::text").format(name)  # true and false, for t and f
    if column.type == "timestamp with time zone":
        return sql.SQL(LOCAL).format(name, sql.Literal(zone))
    as_text = sql.SQL("array_to_string({}, ', ')" if column.category == "A" else "{}::text").format(name)
    return sql.SQL(PLAIN).format(as_text, sql.Literal(list(COMPUTED)), sql.Literal(AS_TEXT))


def _quoted(name: str) -> str:
    """Return the name of a column as a cell: that of an attribute may hold anything."""
    harmless = AS_TEXT + name if name.startswith(COMPUTED) else name
    return '"' + harmless.replace('"', '""') + '"' if set(harmless) & set('",\r\n') else harmless
