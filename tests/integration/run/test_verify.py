"""Verifying: what is stored is read again from the vendor and compared field by field; what is wrong is found."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account
from etl.demo.events import add_message, add_conversation
from etl.demo.server import Answer, Request
from etl.run import verify
from etl.run.sampling import Wanted
from etl.run.verify import Verification
from etl.settings.settings import Settings
from tests.scripted_account import DAY, LONG_AGO, Job, account_of, job, now

ALL = Wanted(sample=None)


def verified(etl: Job, wanted: Wanted = ALL, *, repair: bool = False, **settings: Any) -> Verification:
    values = {"base_url": etl.url, "api_token": "demo-token", "retry_attempts": 1, "account_id": 1} | settings
    return verify.verify(Settings(**values), etl.engine, wanted, repair=repair)


def falsify(etl: Job, *statements: str) -> None:
    """Change what is stored, behind the job's back."""
    with etl.engine.begin() as connection:
        connection.execute(text("SET LOCAL search_path TO helpdesk"))
        for statement in statements:
            connection.execute(text(statement))


def told(found: Verification) -> list[tuple[Any, ...]]:
    return [tuple(difference) for difference in found.findings.differences]


@pytest.mark.parametrize("behaviour", ["2.14", "4.7", "2026"])
def test_after_a_run_everything_is_equal(engine: Engine, behaviour: str) -> None:
    with job(account_of(12), engine, behaviour=behaviour) as etl:
        etl.run()
        found = verified(etl)
        assert (told(found), found.outcome, found.findings.failures) == ([], "complete", [])
        assert (found.messages.compared, found.conversations.compared) == (36, 12)
        assert (found.messages.bound, found.conversations.bound) == (0, 0)


def test_a_falsified_field_is_found_named_and_repaired(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run()
        falsify(
            etl,
            "UPDATE messages SET content = 'invented' WHERE id = 5",
            "UPDATE conversations SET status = 'resolved' WHERE id = 7",
        )
        found = verified(etl, repair=True)
        assert told(found) == [
            ("messages", 5, "content", "invented", "message 1 of 2 🙂"),
            ("conversations", 7, "status", "resolved", "open"),
        ]
        assert (found.findings.messages.differing, found.findings.conversations.differing) == (1, 2)
        assert (found.repaired, found.outcome) == (2, "complete")
        assert told(verified(etl)) == []
