"""The vendor's counts while the account changes: no false alarm, and what was lost is found by the next run."""

from random import Random

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from tests.examples import in_the_long_run
from tests.integration.run.test_books import busy_account, change
from tests.integration.run.test_churn import Changing
from tests.integration.run.truth import ALWAYS, World
from tests.scripted_account import Job, job

BEHAVIOURS = ("4.7", "2026", "2.14")
# What the summary says of counts that differ.
ALARM = "the vendor counts"


@pytest.mark.parametrize("seed", [0, 1, 2, *in_the_long_run(*range(3, 50))])
def test_amid_changes_nobody_is_alarmed_and_what_was_lost_is_found_by_the_next_quiet_run(
    engine: Engine, seed: int
) -> None:
    world = World(30)
    changing = Changing(Vendor(world.account, behaviour=BEHAVIOURS[seed % 3], page_size=10), world, Random(seed))
    with serve(changing) as url:
        # What is new is of long ago here: by counts, it makes up for what was deleted, and only the books tell.
        etl = Job(changing.vendor, url, engine, walks=True)
        for _ in range(2):
            amid = etl.run(reread_days=ALWAYS)
            assert amid.books is not None
            assert [problem for problem in amid.problems if ALARM in problem] == []
        changing.going_on = False
        change(etl, "DELETE FROM attachments")
        change(etl, "DELETE FROM messages WHERE id IN (SELECT min(id) FROM messages WHERE message_type = 'incoming')")
        quiet = etl.run(reread_days=0, patrol_percent=0)
        assert quiet.outcome == "complete", quiet.problems
        assert quiet.books is not None
        unexplained = {name: one["vendor"] - one["ours"] - one["explained"] for name, one in quiet.books.items()}
        assert unexplained == dict.fromkeys(quiet.books, 0)


@pytest.mark.long
def test_what_stays_different_is_a_problem_that_names_day_metric_and_both_numbers(engine: Engine) -> None:
    """The vendor counts a message that it shows nowhere."""

    def hide(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/messages") or not hiding:
            return answer
        value = orjson.loads(answer.body)
        return json_answer(value | {"payload": [one for one in value["payload"] if one["id"] != 40]})

    hiding = True
    with job(busy_account(20, 3), engine, change=hide) as etl:
        run = etl.run()
        assert run.outcome == "incomplete"
        assert [problem for problem in run.problems if ALARM in problem] == [
            "On 2023-11-15 the vendor counts 54 incoming messages, and the tables 53, also after all that may differ"
            " was read."
        ]
        assert run.books is not None
        assert run.books["incoming_messages"] == {"vendor": 60, "ours": 59, "explained": 0, "days": 1}
        hiding = False
        run = etl.run()
        assert run.outcome == "complete", run.problems
        days = """
            SELECT day::text, vendor, ours, settled_at IS NOT NULL FROM bi.reconciliation
            WHERE day IS NOT NULL AND metric = 'incoming_messages'
        """
        assert etl.rows(days) == [("2023-11-15", 54, 54, True)]


@pytest.mark.long
@pytest.mark.parametrize("seed", [0, *in_the_long_run(1, 2)])
def test_a_conversation_that_is_deleted_while_it_is_read_again_is_no_difference(engine: Engine, seed: int) -> None:
    account = busy_account(20, 3)

    def lose(request: Request, answer: Answer) -> Answer:
        if request.path.endswith("/reports") and 7 in account.conversations and armed:
            del account.conversations[7]
        return answer

    armed: list[bool] = []
    with job(account, engine, change=lose, behaviour=BEHAVIOURS[seed]) as etl:
        assert etl.run().outcome == "complete"
        armed.append(True)
        run = etl.run()
        assert run.outcome == "complete", run.problems
        run = etl.run()
        assert run.outcome == "complete", run.problems
        assert run.books is not None
        assert run.books["conversations"] == {"vendor": 19, "ours": 19, "explained": 0}
