"""A run that reads what changed proves by counts that nothing else is missing, or walks every page."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message
from etl.selection import Selection
from tests.scripted_account import LONG_AGO, Job, account_of, job, notes_of, now

BEHAVIOURS = ["2.14", "4.7", "2026"]
FEW = 130
QUIET = {"contacts": "seen", "books": "off", "patrol_percent": 0}


def kinds(asked: Job) -> Counter[str]:
    """Return how many requests there were for what."""
    return Counter(_kind(request.path.split("/")[5:]) for request in asked.vendor.requests)


def _kind(path: list[str]) -> str:
    if path == ["conversations"] or path[1:] == ["meta"]:
        return " ".join(path)
    return (
        "history"
        if path[2:] == ["messages"]
        else "other"
        if path[2:]
        else "single"
        if path[:1] == ["conversations"] and path[1:]
        else "other"
    )


@pytest.mark.parametrize("behaviour", BEHAVIOURS)
def test_a_night_in_which_nothing_changed_asks_for_four_first_pages_and_four_counts(
    engine: Engine, behaviour: str
) -> None:
    with job(account_of(FEW), engine, behaviour=behaviour) as account:
        first = account.run(**QUIET)
        second = account.run(**QUIET)
        asked = kinds(account)
    assert (first.outcome, first.proof) == ("complete", "walk")
    assert (second.outcome, second.proof, second.problems) == ("complete", "counts", [])
    assert second.ledger == {**(first.ledger or {})}
    # One first page has rows: of its status is asked whether the server knows `updated_within`, and what it has.
    pages = {"2.14": 4 + 1, "4.7": 4 + 2, "2026": 4 + 2}[behaviour]
    assert (asked["conversations"], asked["conversations meta"], asked["history"], asked["single"]) == (pages, 4, 0, 0)
