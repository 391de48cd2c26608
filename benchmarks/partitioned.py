"""What docs/scaling.md is computed from: bytes over the wire and on the disk, in plain and partitioned tables.

    python -m benchmarks.partitioned --conversations 3000

It loads the bench's account into each layout with the real job, runs again with nothing changed and with 5 % changed,
and prints one JSON object. The partitioned layouts are made by the statements of docs/scaling.md.
"""

import argparse
import json
import re
import subprocess
import time
from collections.abc import Sequence
from typing import Any

import psycopg

from benchmarks.account import Account, pages
from benchmarks.place import ETL, MIGRATED, ROOT, Place, Server, environment, made, serving
from benchmarks.vendor import PAGE, Vendor
from etl.views import attribute_columns, schema

PLAIN = "plain"
LAYOUTS = (PLAIN, "by account", "by account and month")
DATABASE = "partitioned"
IN_FLIGHT = 8
BASE = "/api/v1/accounts/1/conversations"
SIZES = """
    SELECT coalesce(root.relname, leaf.relname), sum(leaf.reltuples)::bigint, sum(pg_table_size(leaf.oid))::bigint,
           sum(pg_indexes_size(leaf.oid))::bigint
    FROM pg_class AS leaf
    LEFT JOIN pg_class AS root ON leaf.relispartition AND root.oid = pg_partition_root(leaf.oid)
    WHERE leaf.relnamespace = 'helpdesk'::regnamespace AND leaf.relkind = 'r' GROUP BY 1 ORDER BY 3 DESC
"""


def statements(layout: str) -> str:
    """Return the SQL of docs/scaling.md whose first line is the comment that names it."""
    text = (ROOT / "docs" / "scaling.md").read_text(encoding="utf-8")
    found = re.search(rf"^```sql\n-- {re.escape(layout)}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    if not found:
        raise LookupError(f"docs/scaling.md has no statements that begin with: -- {layout}")
    return found[1]


def on_the_wire(conversations: int) -> dict[str, Any]:
    """Return the average bytes of the bodies that a run gets: of a full page, and of a history."""
    vendor = Vendor(Account(conversations), 0)
    counts = {status: len(walk) for status, walk in vendor.account.walks.items()}
    full = [(status, number) for status, number in pages(counts) if number * PAGE <= counts[status]]
    of_pages = [_length(vendor, f"{BASE}?status={status}&page={number}") for status, number in full]
    window = "messages?after=0&before=2147483647"
    of_histories = [_length(vendor, f"{BASE}/{number}/{window}") for number in range(1, conversations + 1)]
    messages = sum(len(one.messages) for one in vendor.account.conversations)
    return {
        "messages_a_conversation": round(messages / conversations, 2),
        "bytes_a_full_page": round(sum(of_pages) / max(1, len(of_pages))),
        "bytes_a_history": round(sum(of_histories) / conversations),
        "history_bytes_a_message": round(sum(of_histories) / messages),
    }


def _length(vendor: Vendor, target: str) -> int:
    return len(vendor.answer(target.encode())[1])


def on_the_disk(place: Place, server: Server, layout: str) -> dict[str, Any]:
    """Load the account into tables of that layout, and return what each run wrote and asked for."""
    place.create(DATABASE, MIGRATED)
    with place.connect(DATABASE) as connection:
        if layout != PLAIN:
            attribute_columns.drop_views(connection)
            schema.drop(connection)
            connection.execute(statements(layout))
            schema.create(connection)
        empty = _sizes(connection)
        server.control("set?generation=0")
        found: dict[str, Any] = {"first": _run(place, server, connection)}
        found["tables"] = {name: _grown(size, empty[name]) for name, size in _sizes(connection).items() if size[0] > 0}
        found["quiet"] = _run(place, server, connection)
        server.control("set?generation=1")
        found["changed"] = _run(place, server, connection)
    return found


def _run(place: Place, server: Server, connection: psycopg.Connection[Any]) -> dict[str, Any]:
    connection.execute("CHECKPOINT")
    size, written = _state(connection)
    server.control("reset")
    begun = time.perf_counter()
    env = environment(place, DATABASE, server.url, IN_FLIGHT)
    subprocess.run([str(ETL), "sync"], cwd=place.folder, env=env, check=True, capture_output=True)
    seconds = time.perf_counter() - begun
    grown, wal = (after - before for after, before in zip(_state(connection), (size, written), strict=True))
    asked = server.control("counters")["asked"]
    return {"seconds": round(seconds, 1), "requests": asked, "database_bytes": grown, "wal_bytes": wal}


def _state(connection: psycopg.Connection[Any]) -> tuple[int, int]:
    """Return the size of the database, and how much WAL there ever was, in bytes."""
    row = connection.execute(
        "SELECT pg_database_size(current_database()), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
    ).fetchone()
    return (int(row[0]), int(row[1])) if row else (0, 0)


def _sizes(connection: psycopg.Connection[Any]) -> dict[str, Sequence[int]]:
    """Return rows, bytes of rows and bytes of indexes of each table; those of its partitions together."""
    connection.execute("ANALYZE")
    return {name: sizes for name, *sizes in connection.execute(SIZES)}


def _grown(now: Sequence[int], empty: Sequence[int]) -> dict[str, int]:
    return {"rows": now[0], "row_bytes": now[1] - empty[1], "index_bytes": now[2] - empty[2]}


def main() -> None:
    """Measure, and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--conversations", type=int, default=3000)
    options.add_argument("--layout", action="append", choices=LAYOUTS, help="may be given several times; all of them")
    given = options.parse_args()
    found: dict[str, Any] = {"conversations": given.conversations, "wire": on_the_wire(given.conversations)}
    with made() as place, serving(given.conversations) as server:
        for layout in given.layout or LAYOUTS:
            found[layout] = on_the_disk(place, server, layout)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
