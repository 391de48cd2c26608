"""The text and the file for Prometheus, without a run."""

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from etl.monitoring import metrics

BEGUN = datetime(2026, 3, 1, 2, 30, tzinfo=UTC)


def row(**changed):
    nothing = dict.fromkeys(("finished_at", "requests", "retries", "counts", "rejected", "audit", *metrics.LEDGER))
    return SimpleNamespace(**{"kind": "sync", "outcome": "interrupted", "started_at": BEGUN, **nothing, **changed})


def test_what_is_not_known_has_no_line():
    text = metrics.render(1, None, [row()])
    assert text.splitlines() == [
        "# HELP etl_run_last_start_timestamp_seconds Begin of the last run.",
        "# TYPE etl_run_last_start_timestamp_seconds gauge",
        'etl_run_last_start_timestamp_seconds{account_id="1",kind="sync"} 1772332200.0',
        "# HELP etl_run_success 1 when the last run was complete, else 0.",
        "# TYPE etl_run_success gauge",
        'etl_run_success{account_id="1",kind="sync"} 0',
        "# HELP etl_run_outcome 1 at the outcome of the last run, 0 at the others.",
        "# TYPE etl_run_outcome gauge",
        'etl_run_outcome{account_id="1",kind="sync",outcome="complete"} 0',
        'etl_run_outcome{account_id="1",kind="sync",outcome="incomplete"} 0',
        'etl_run_outcome{account_id="1",kind="sync",outcome="failed"} 0',
        'etl_run_outcome{account_id="1",kind="sync",outcome="interrupted"} 1',
    ]


def test_the_last_walk_is_told_beside_the_last_complete_run():
    text = metrics.render(1, BEGUN, [], last_walk=BEGUN)
    assert text.splitlines() == [
        "# HELP etl_last_complete_timestamp_seconds Begin of the last complete run over everything.",
        "# TYPE etl_last_complete_timestamp_seconds gauge",
        'etl_last_complete_timestamp_seconds{account_id="1"} 1772332200.0',
        "# HELP etl_last_walk_timestamp_seconds Begin of the last complete run that walked every page.",
        "# TYPE etl_last_walk_timestamp_seconds gauge",
        'etl_last_walk_timestamp_seconds{account_id="1"} 1772332200.0',
    ]


def test_an_account_without_a_run_has_an_empty_file():
    assert metrics.render(1, None, []) == ""


def test_a_label_is_escaped():
    text = metrics.render(1, BEGUN, [row(kind='a "b"\\\n')])
    assert r'{account_id="1",kind="a \"b\"\\\n"}' in text


def test_a_file_takes_the_place_of_the_older_one_and_leaves_nothing_beside_it(tmp_path):
    file = tmp_path / "etl-1.prom"
    for text in ("first\n", "second\n"):
        metrics.write(file, text)
        assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_replaced_leaves_nothing_beside_it(tmp_path):
    (tmp_path / "etl-1.prom").mkdir()
    with pytest.raises(OSError, match="directory"):
        metrics.write(tmp_path / "etl-1.prom", "text")
    assert [one.name for one in tmp_path.iterdir()] == ["etl-1.prom"]
