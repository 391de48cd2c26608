"""What a part leaves that failed: quotes as data, and rows that the figures have to tell."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import Engine, text

from etl.demo.events import add_message
from etl.demo.server import Answer, Request
from etl.load.journal import Run
from etl.monitoring import run_history, status
from etl.privacy.redact import redact
from etl.privacy.rules import way_of
from etl.run import sync
from etl.selection import Selection
from etl.settings.accounts import Account as Served
from etl.workers.shared_run import share
from etl.workers.worker import QueueCrew, Worker
from tests.databases import new_engine
from tests.integration.workers.test_shared_run import FEW_A_PAGE, Alone, settings_of, shared
from tests.scripted_account import LONG_AGO, Change, account_of, job

# What the vendor says of a token, and so ends the part.
SAID = '{"error": "Dana Levi +972-50-1234567 is not allowed"}'


def refuses(page: str, times: int = 99) -> Change:
    """Refuse a page of the open conversations so many times."""
    left = [SAID] * times

    def change(request: Request, answer: Answer) -> Answer:
        asked = (request.path.split("/")[-1], request.first("status"), request.first("page"))
        if left and asked == ("conversations", "open", page):
            return Answer(401, left.pop().encode(), "application/json")
        return answer

    return change


@pytest.mark.long
def test_what_a_failed_part_quotes_is_data_as_in_a_run_that_is_not_shared(
    engine: Engine, server_url: str, template: str
) -> None:
    found = []
    with new_engine(server_url, template) as another:
        for where, run in ((engine, shared), (another, lambda etl: etl.run(reread_days=0))):
            with job(account_of(50), where, change=refuses("7"), **FEW_A_PAGE) as etl:
                assert run(etl).outcome == "failed"
                ((quotes, problem),) = etl.rows("SELECT quotes, problems[1] FROM sync_runs")
                assert problem.endswith(f"the server answered 401: {SAID}")
                verdict = status.judge(run_history.standings(where, [1])[0], datetime.now(UTC), timedelta(days=1)).said
                redact(where, 1, way_of(settings_of(etl, pii="drop")), lambda *_: None)
                ((redacted, after),) = etl.rows("SELECT quotes, problems[1] FROM sync_runs")
                assert after.endswith("the server answered 401.")
                found.append((quotes, redacted, "Dana" in verdict, "answered 401." in verdict))
    assert found == [([SAID], None, False, True)] * 2


def test_the_figures_tell_what_was_saved_by_an_attempt_that_failed(engine: Engine) -> None:
    account = account_of(50)
    with job(account, engine, **FEW_A_PAGE) as etl:
        assert etl.run(reread_days=0).outcome == "complete"
    # It is on the first page of a part whose third page is refused once: the second attempt finds it saved.
    add_message(account, 50, "late", LONG_AGO + 50 * 3_600 + 100)
    with job(account, engine, change=refuses("3", times=1), **FEW_A_PAGE) as etl, Alone(engine) as worker:
        settings = settings_of(etl)
        crew = QueueCrew(Worker(worker.app, settings, worker.loop), Served(settings), engine, worker.worker_id)
        hooks = sync.Hooks(share=partial(share, crew))
        done = sync.run(settings, engine, Selection(kind="backfill"), hooks)
        last = "SELECT xmin FROM figures_computed"
        assert etl.rows(f"SELECT conversation_id FROM conversation_openings WHERE xmin = ({last})") == [(50,)]
        assert etl.rows("SELECT conversation_id FROM stale_figures") == []
    assert (done.outcome, done.tally.counts["messages"]["inserted"]) == ("complete", 1)


@pytest.mark.long
def test_a_part_of_which_a_newer_worker_tells_more_loses_nothing_that_both_know(
    engine: Engine,
) -> None:
    """Workers are upgraded one after the other: parts of one run may be told by two versions."""
    with job(account_of(50), engine, **FEW_A_PAGE) as etl, Alone(engine) as worker:
        settings = settings_of(etl)

        class OfTwoVersions(QueueCrew):
            def take(self, run: Run, selection: Selection, number: int) -> None:
                super().take(run, selection, number)
                tell_more(engine, number)

            def work(self, _run: Run) -> bool:
                return False

            def is_at_work(self, _run: Run) -> bool:
                return False

        crew = OfTwoVersions(Worker(worker.app, settings, worker.loop), Served(settings), engine, worker.worker_id)
        done = sync.run(settings, engine, Selection(), sync.Hooks(share=partial(share, crew)))
        assert etl.rows("SELECT count(*) FROM messages") == [(150,)]
    assert (done.outcome, done.problems, done.tally.counts["messages"]["inserted"]) == ("complete", [], 150)


def tell_more(engine: Engine, number: int) -> None:
    with engine.begin() as connection:
        more = (
            "UPDATE helpdesk.sync_parts SET result = jsonb_set(result, '{tally,hiccups}', '7') WHERE number = :number"
        )
        assert connection.execute(text(more), {"number": number}).rowcount == 1
