"""A field that is gone and was accepted as such: known, still held back, and a problem again when it is otherwise."""

import pytest
from sqlalchemy import Engine

from etl.load.acceptances import FaultKind
from etl.run import accepting
from tests.doctored_vendor import Doctored, becoming, desk, renamed
from tests.integration.run.test_accepted import OVER, SIGNED, outcome
from tests.integration.run.test_contract import OWNERS
from tests.scripted_account import job

TEAM = "conversation.meta.team"


def test_a_field_that_is_gone_is_known_and_what_was_stored_stays(engine: Engine) -> None:
    doctored = Doctored("meta", renamed("team", "group"))
    with job(desk(30), engine, change=doctored) as etl:
        etl.run()
        before = etl.rows(OWNERS)
        doctored.on = True
        assert etl.run().outcome == "incomplete"
        accepting.accept(engine, 1, [(FaultKind.CONTRACT, TEAM)], SIGNED)
        assert outcome(etl.run(walk_days=0)) == ("complete", {"contract": [TEAM]})
        assert etl.rows(OWNERS) == before
        # Another one that is gone, too, is not known by that.
        doctored.change = lambda one: [renamed("team", "group")(one), renamed("assignee", "owner")(one)]
        run = etl.run(walk_days=0)
        assert outcome(run) == ("incomplete", {"contract": [TEAM]})
        assert "conversation.meta.assignee is no longer sent" in run.problems[0]
        assert TEAM not in run.problems[0]
        doctored.on = False
        assert outcome(etl.run(walk_days=0)) == ("complete", {})
        assert [row[0] for row in etl.rows(OVER)] == [TEAM]


@pytest.mark.long
@pytest.mark.parametrize("value", [{"count": 1}])
def test_what_was_not_sent_and_now_cannot_be_read_is_otherwise(engine: Engine, value: object) -> None:
    field = "conversation.unread_count"
    doctored = Doctored("conversation", renamed("unread_count", "unread"))
    with job(desk(30), engine, change=doctored) as etl:
        etl.run()
        doctored.on = True
        assert etl.run(walk_days=0).outcome == "incomplete"
        accepting.accept(engine, 1, [(FaultKind.CONTRACT, field)], SIGNED)
        assert outcome(etl.run(walk_days=0)) == ("complete", {"contract": [field]})
        doctored.change = becoming("unread_count", lambda _: value)
        run = etl.run(walk_days=0)
        assert outcome(run) == ("incomplete", {})
        assert any(f"field {field} can no longer be read now." in problem for problem in run.problems)
