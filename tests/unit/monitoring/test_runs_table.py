"""`etl runs` on terminals of any width: lines that fit, numbers that are whole, and the names of what is left out."""

import io
import re
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from rich.console import Console

from etl.monitoring.runs_table import print_runs

BEGUN = datetime(2026, 11, 22, 2, 30, tzinfo=UTC)


def a_run(number=7, **changed):
    counts = {name: {"inserted": 12, "updated": 310} for name in ("conversations", "messages")}
    told = {"run_id": number, "account_id": 1, "kind": "sync", "outcome": "complete", "started_at": BEGUN}
    told |= {"finished_at": BEGUN + timedelta(minutes=20), "counts": counts, "unaccounted": 0, "rejected": 0}
    return SimpleNamespace(**told | changed)


LARGE = {"conversations": {"inserted": 98_123, "updated": 310}, "messages": {"inserted": 2_012_345, "updated": 31}}
RUNS = [a_run(8, outcome="interrupted", unaccounted=None, finished_at=None), a_run(), a_run(6, counts=LARGE)]


def lines_of(runs, width):
    out = io.StringIO()
    print_runs(runs, Console(file=out, width=width, highlight=False, force_terminal=True, no_color=True))
    return re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue()).splitlines()


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_no_line_is_too_long_and_no_figure_is_cut(width):
    lines = lines_of(RUNS, width)
    assert max(map(len, lines)) <= width
    assert "…" not in "".join(lines)
    assert lines[0].split()[0] == "run"
    assert [line.split()[0] for line in lines[1:4]] == ["8", "7", "6"]
    assert "interrupted" in lines[1]
    assert "+98,123 ~310" in lines[3]
    assert ("+2,012,345 ~31" in lines[3]) == (width >= 60)
    told = " ".join(lines[4:])
    assert (told == "") == (width >= 120)
    names = ("conversations", "messages", "unaccounted", "rejected", "took", "account", "kind", "started (UTC)")
    assert [one for one in names if (f" {one}" in lines[0]) == (f" {one}" in told)] == []


@pytest.mark.parametrize("width", [60, 80])
def test_what_is_lacking_has_room_before_all_else(width):
    lines = lines_of([a_run(outcome="incomplete", unaccounted=5, rejected=1_234), *RUNS], width)
    assert {"unaccounted", "rejected"} <= set(lines[0].split())
    assert {"5", "1,234"} <= set(lines[1].split())


def test_of_several_accounts_the_account_has_room_on_a_narrow_terminal():
    assert "account" in lines_of([a_run(account_id=17), *RUNS], 60)[0]
    assert "account " not in lines_of(RUNS, 60)[0]


def test_a_moment_has_its_year_where_there_is_room():
    short = [a_run(counts=None)]
    assert "2026-11-22 02:30" in lines_of(short, 80)[1]
    assert "2026" not in lines_of(short, 60)[1]
    assert "11-22 02:30" in lines_of(short, 60)[1]
