"""What `etl status` says of a run that was not complete: what could not be read, by name, and the first problem."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

from etl.monitoring.run_history import Standing
from etl.monitoring.status import judge

NOW = datetime(2026, 11, 22, 8, tzinfo=UTC)
BROKEN = "2 conversations could not be read; the next run tries again. The first: https://x: the server answered 500."
OTHER = "The vendor counts 7 conversations, and 6 were loaded."


def said(problems, unreadable, known=(), count=None):
    last = SimpleNamespace(run_id=41, outcome="incomplete", problems=problems, quotes=None, proof=None)
    last.unseen = [str(one) for one in unreadable] or None
    last.known = {"conversation": list(known)} if known else None
    last.unreadable = len(unreadable) if count is None else count
    begun = NOW - timedelta(hours=1)
    standing = Standing(1, last_complete=begun, last=last, unreadable=tuple(unreadable))
    verdict = judge(standing, NOW, timedelta(hours=26))
    assert not verdict.ok
    return verdict.said.partition("run 41 ")[2].partition("; 1 known")[0]


def test_what_could_not_be_read_is_named():
    assert said([BROKEN], [262, 530]) == "was incomplete: 2 unreadable: 262, 530"
    assert said([BROKEN], range(1, 8)) == "was incomplete: 7 unreadable: 1, 2, 3, 4, 5 ..."


def test_what_is_known_is_not_among_it():
    assert said([BROKEN], [262, 530], known=["262"]) == "was incomplete: 1 unreadable: 530"


def test_another_problem_is_told_beside_it():
    assert said([OTHER, BROKEN], [262, 530]) == (
        f"was incomplete: 2 unreadable: 262, 530; {OTHER} (2 problems, see `etl runs --run 41`)"
    )


def test_where_nothing_is_unreadable_the_first_problem_is_told():
    assert said([OTHER], []) == f"was incomplete: {OTHER}"
    # They could be read since, or the last run did not look.
    assert said([OTHER], [262], count=0) == f"was incomplete: {OTHER}"
    assert said([OTHER], [262], known=["262"]) == f"was incomplete: {OTHER}"
