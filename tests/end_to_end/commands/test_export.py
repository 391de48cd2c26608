"""`etl export`: a view as a file that Excel opens right, or that programs read; whole, or not there at all."""

import os
import shlex
import signal
import subprocess
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from pyarrow import parquet

from tests.databases import execute
from tests.etl_process import ETL, RunEtl, environment_of, run_program, start_etl
from tests.waits import LONGEST, wait_until

BOM = b"\xef\xbb\xbf"
ROWS = """
    INSERT INTO helpdesk.accounts (account_id, base_url, time_zone) VALUES (1, 'https://example.com', 'Asia/Jerusalem');
    INSERT INTO helpdesk.sync_runs (account_id, kind, outcome, started_at, finished_at, host, process_id, selection)
    VALUES (1, 'sync', 'complete', now(), now(), 'here', 1, NULL);
    INSERT INTO helpdesk.contacts (account_id, id, name, email, phone_number, created_at)
    VALUES (1, 17, 'דנה, "כהן"', 'dana@example.com', '+972500000001', '2026-07-01 21:30:00+00'),
        (1, 18, '=HYPERLINK("https://example.com")', NULL, NULL, '2026-01-01 21:30:00+00'),
        (1, 19, E'two\\r\\nlines', '', '', '2026-01-01 22:30:00+00');
"""
CONTACTS = (
    "account_id,contact_id,contact_name,contact_email,contact_phone,first_seen_at,first_seen_on,last_seen_at,"
    "conversations,is_returning,is_blocked,is_deleted,merged_into\r\n"
)
# One row of everything that a column can be, made by the owner of the database.
ODD = """
    CREATE VIEW bi.odd AS SELECT 1::bigint AS account_id, -1.5::numeric AS "=1+1", -2 AS whole,
        ARRAY['a', NULL, '=b'] AS many, ARRAY['=b'] AS one, '{"a": "ב"}'::jsonb AS json, '-x'::text AS text,
        '＝x'::text AS wide, true AS yes, NULL::boolean AS unknown, ''::text AS empty, date '2026-03-01' AS day,
        timestamptz '2026-03-01 10:00:00.5+00' AS at,
        timestamptz '0044-03-15 12:00+00 BC' AS before, timestamptz 'infinity' AS never, interval '90 s' AS span
"""
MANY = """
    CREATE VIEW bi.many AS
    SELECT 1::bigint AS account_id, n, repeat('x', 200) AS text FROM (SELECT generate_series(1, {}) AS n) AS one
"""


@pytest.fixture
def url(database_url: str) -> str:
    execute(database_url, ROWS)
    return database_url


def files(folder: Path) -> set[str]:
    return {one.name for one in folder.iterdir() if one.is_file()}


def test_contacts_are_masked_in_a_file_that_excel_takes_for_utf_8(etl: RunEtl, url: str, tmp_path: Path) -> None:
    done = etl("export", "contacts", "--to", "out.csv", DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(
        "3 rows of contacts in out.csv, personal data masked, times of Asia/Jerusalem; data as of 20"
    )
    assert (tmp_path / "out.csv").read_bytes().startswith(BOM)
    assert sorted((tmp_path / "out.csv").read_bytes()[3:].decode().split("\r\n")) == sorted(
        [
            CONTACTS.strip(),
            "1,17,Contact 17,,,2026-07-02 00:30:00,2026-07-02,,0,false,,false,",
            "1,18,Contact 18,,,2026-01-01 23:30:00,2026-01-01,,0,false,,false,",
            "1,19,Contact 19,,,2026-01-02 00:30:00,2026-01-02,,0,false,,false,",
            "",
        ]
    )
    assert files(tmp_path) == {"out.csv"}


@pytest.mark.long
def test_in_clear_a_text_that_would_be_computed_has_a_sign_before_it(etl: RunEtl, url: str, tmp_path: Path) -> None:
    done = etl("export", "bi.contacts", "--to", "out.csv", "--personal-data", DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    assert "personal data in clear" in done.stdout
    out = (tmp_path / "out.csv").read_bytes()[3:].decode()
    assert '1,17,"דנה, ""כהן""",dana@example.com,\'+972500000001,2026-07-02 00:30:00,' in out
    assert '1,18,"\'=HYPERLINK(""https://example.com"")",,,2026-01-01 23:30:00,' in out
    assert '1,19,"two\r\nlines","","",2026-01-02 00:30:00,' in out
    assert (tmp_path / "out.csv").stat().st_mode & 0o777 == 0o600


def test_every_kind_of_cell_in_csv(etl: RunEtl, url: str) -> None:
    execute(url, ODD)
    done = etl("export", "odd", "--to", "-", "--personal-data", DATABASE_URL=url)
    assert done.returncode == 0, done.stderr
    assert done.stdout.removeprefix("\ufeff").splitlines() == [
        "account_id,'=1+1,whole,many,one,json,text,wide,yes,unknown,empty,day,at,before,never,span",
        '1,-1.5,-2,"a, =b",\'=b,"{""a"": ""ב""}",\'-x,\'＝x,true,,"",2026-03-01,2026-03-01 12:00:00,'
        "0044-03-15 12:00:00+00 BC,infinity,00:01:30",
    ]


def test_parquet_keeps_types_and_points_in_time(etl: RunEtl, url: str, tmp_path: Path) -> None:
    execute(url, ODD.replace("timestamptz '0044-03-15 12:00+00 BC' AS before, timestamptz 'infinity' AS never, ", ""))
    done = etl("export", "odd", "--to", "odd.parquet", "--personal-data", DATABASE_URL=url)
    assert (done.returncode, done.stderr) == (0, "")
    table = parquet.read_table(tmp_path / "odd.parquet")
    assert [str(field.type) for field in table.schema] == [
        *("int64", "decimal128(38, 1)", "int32", "list<element: string>", "list<element: string>", "string", "string"),
        *("string", "bool", "bool", "string", "date32[day]", "timestamp[us, tz=Asia/Jerusalem]", "string"),
    ]
    (row,) = table.to_pylist()
    assert list(row.values()) == [
        *(1, Decimal("-1.5"), -2, ["a", None, "=b"], ["=b"], '{"a": "ב"}', "-x", "＝x", True, None, ""),
        *(date(2026, 3, 1), datetime(2026, 3, 1, 10, 0, 0, 500_000, tzinfo=UTC), "00:01:30"),
    ]


@pytest.mark.long
def test_contacts_are_masked_in_parquet_too(etl: RunEtl, url: str, tmp_path: Path) -> None:
    assert etl("export", "contacts", "--to", "c.parquet", DATABASE_URL=url).returncode == 0
    rows = parquet.read_table(tmp_path / "c.parquet").to_pylist()
    assert sorted((row["contact_name"], row["contact_email"], row["contact_phone"]) for row in rows) == [
        ("Contact 17", None, None),
        ("Contact 18", None, None),
        ("Contact 19", None, None),
    ]


def test_without_the_library_parquet_is_refused_in_a_sentence(url: str, tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ImportError('not here')")
    done = run_program(tmp_path, "export", "contacts", "--to", "c.parquet", DATABASE_URL=url, PYTHONPATH=str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith('etl: A file .parquet needs a library more: pip install "etl-99digital[parquet]"')


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("conversatons", "--to", "x.csv"), 2, "There is no view conversatons in schema bi; there is conversations, "),
        (("contacts", "--to", "x.xls"), 2, "--to x.xls: the name has to end in .csv or .parquet"),
        (("contacts", "--to", "no/x.csv"), 2, "--to no/x.csv: nothing can be written in that folder"),
        (("contacts", "--to", "folder.csv"), 2, "is no file."),
        (("contacts", "--to", "x.csv", "--account", "2"), 2, "the tables have account 1 (Asia/Jerusalem)."),
        (("odd", "--to", "x.csv"), 2, "View odd is none that etl has made, so it is not known what is personal in it."),
        (("pg_class; DROP", "--to", "x.csv"), 2, "There is no view pg_class; DROP in schema bi; there is "),
    ],
    ids=lambda one: one[0] if isinstance(one, tuple) else "",
)
def test_what_cannot_be_exported_is_said_and_leaves_no_file(
    etl: RunEtl, url: str, tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    execute(url, ODD)
    (tmp_path / "folder.csv").mkdir()
    done = etl("export", *arguments, DATABASE_URL=url)
    assert (done.returncode, done.stdout) == (code, "")
    assert said in " ".join(done.stderr.split())
    assert files(tmp_path) == set()


def test_views_that_do_not_mask_are_not_exported_as_masked(etl: RunEtl, url: str, tmp_path: Path) -> None:
    """As an earlier version made them, which nobody has made anew."""
    execute(url, "CREATE OR REPLACE VIEW helpdesk.personal_data_access AS SELECT true AS allowed")
    done = etl("export", "contacts", "--to", "x.csv", DATABASE_URL=url)
    assert done.returncode == 1
    assert "The views show personal data whatever is asked for" in done.stderr
    assert files(tmp_path) == set()


def test_accounts_of_different_zones_are_not_mixed_in_one_csv(etl: RunEtl, url: str, tmp_path: Path) -> None:
    execute(url, "INSERT INTO helpdesk.accounts (account_id, base_url, time_zone) VALUES (2, 'https://e.com', 'UTC')")
    mixed = etl("export", "contacts", "--to", "x.csv", DATABASE_URL=url)
    assert mixed.returncode == 2
    assert "account 1 (Asia/Jerusalem), account 2 (UTC). Say which one: --account ID" in mixed.stderr
    empty = etl("export", "contacts", "--to", "x.csv", "--account", "2", DATABASE_URL=url)
    assert (empty.returncode, (tmp_path / "x.csv").read_text("utf-8-sig")) == (0, CONTACTS.replace("\r\n", "\n"))
    assert "Of account 2 no run over everything is complete yet" in empty.stderr
    assert etl("export", "contacts", "--to", "x.parquet", DATABASE_URL=url).returncode == 0
    times = parquet.read_table(tmp_path / "x.parquet").schema.field("first_seen_at").type
    assert str(times) == "timestamp[us, tz=UTC]"


def test_old_data_are_said_to_be_old(etl: RunEtl, url: str) -> None:
    execute(
        url, "UPDATE helpdesk.sync_runs SET started_at = '2026-03-01 02:00+00', finished_at = '2026-03-01 03:00+00'"
    )
    done = etl("export", "contacts", "--to", "x.csv", DATABASE_URL=url)
    assert done.returncode == 0
    assert done.stdout.endswith("; data as of 2026-03-01 02:00 UTC.\n")
    assert "The data of account 1 are of 2026-03-01 02:00 UTC, more than 26 hours ago" in done.stderr


@pytest.mark.long
def test_memory_does_not_grow_with_the_rows(url: str, tmp_path: Path) -> None:
    def peak(rows: int, to: str) -> int:
        execute(url, "DROP VIEW IF EXISTS bi.many;" + MANY.format(rows))
        process = start_etl(tmp_path, "export", "many", "--to", to, "--personal-data", DATABASE_URL=url)
        _, code, used = os.wait4(process.pid, 0)
        process.returncode = code
        assert code == 0
        return used.ru_maxrss // 1024

    for to in ("m.csv", "m.parquet"):
        assert peak(200_000, to) < peak(30_000, to) + 20, to
    assert (tmp_path / "m.csv").read_bytes().count(b"\r\n") == 30_001


def test_a_reader_that_goes_away_is_a_sentence(tmp_path: Path, url: str) -> None:
    execute(url, MANY.format(100_000))
    command = f"set -o pipefail; {shlex.quote(ETL)} export many --personal-data --to - | head -n 2"
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment_of(tmp_path) | {"DATABASE_URL": url},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (done.returncode, done.stdout.count("\n")) == (1, 2)
    assert done.stderr == "etl: Whoever read what was exported went away before its end.\n"


@pytest.mark.long
@pytest.mark.parametrize("to", ["x.csv", "x.parquet"])
def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path, url: str, to: str) -> None:
    execute(url, MANY.format(100_000))
    (tmp_path / to).write_text("of yesterday")
    command = f"ulimit -f 100; trap '' XFSZ; {shlex.quote(ETL)} export many --personal-data --to {to}"
    not_measured = {"COVERAGE_PROCESS_START": ""}  # what is covered could be written to no file either
    done = subprocess.run(
        ["bash", "-c", command],
        env=environment_of(tmp_path) | {"DATABASE_URL": url} | not_measured,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"etl: {to} could not be written: File too large. The file is as it was before, if there was one.\n"
    )
    assert ((tmp_path / to).read_text(), files(tmp_path)) == ("of yesterday", {to})


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_leaves_no_file(tmp_path: Path, url: str, number: int) -> None:
    execute(url, MANY.format(5_000_000))
    process = start_etl(tmp_path, "export", "many", "--to", "x.csv", "--personal-data", DATABASE_URL=url)
    wait_until(lambda: any(one.stat().st_size > 1_000_000 for one in tmp_path.glob(".x.csv.*.part")))
    process.send_signal(number)
    out, err = process.communicate(timeout=LONGEST)
    assert (process.returncode, out) == (1, "")
    assert err == "etl: Stopped on request before x.csv was written: it is as it was before, if it was there.\n"
    assert files(tmp_path) == set()
