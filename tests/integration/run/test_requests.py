"""What a first load, a quiet night and an audit ask for: no request more without somebody saying so here."""

import re
import threading
from collections import Counter

import pytest
from sqlalchemy import Engine

from etl.demo.server import Answer, Request
from etl.selection import Selection
from tests.scripted_account import Job, account_of, notes_of, server_fault, walking_job
from tests.waits import LONGEST

CONVERSATIONS = 60
# Names, the members of a team and two inboxes, four statuses of which one has conversations (three pages, and the empty
# one that ends each walk), the ledger's probes above the highest id, the counts, the page of contacts and the empty one
# after it, and the surveys; and the vendor's books: at the begin and at the end, each metric by month, and surveys at
# both. Where the vendor tells its own events, those of each conversation once, and then the account's list of them;
# else one question a run shows that it does not.
EVERY_RUN = Counter(
    {
        "profile": 1,
        "inboxes": 1,
        "agents": 1,
        "teams": 1,
        "labels": 1,
        "custom_attribute_definitions": 1,
        "conversations": 3 + 4,
        "conversations/N": 25,
        "conversations/meta": 4,
        "contacts": 2,
        "csat_survey_responses": 1,
        "teams/N/team_members": 1,
        "inbox_members/N": 2,
        "agent_bots": 1,
        "sla_policies": 1,
        "campaigns": 1,
        "reports/summary": 2,
        "reports": 3,
        "csat_survey_responses/metrics": 2,
    }
)


def asked(etl: Job) -> Counter[str]:
    paths = [re.sub(r"^/api/v[12]/(accounts/1/)?", "", request.path) for request in etl.vendor.requests]
    return Counter(re.sub(r"\d+", "N", path) for path in paths)


@pytest.mark.parametrize(("behaviour", "windows"), [("4.7", 0), ("2026", 0), ("2.14", 1)])
def test_what_a_first_load_a_quiet_night_and_an_audit_ask_for(engine: Engine, behaviour: str, windows: int) -> None:
    """Servers before 2.16 get one window more, by which they are known; their short histories need no witness."""
    has_events, own = behaviour == "2026", "conversations/N/reporting_events"
    every_run = EVERY_RUN + Counter(["reporting_events" if has_events else own])
    with walking_job(account_of(CONVERSATIONS), engine, behaviour=behaviour) as etl:
        assert etl.run(concurrency=1).outcome == "complete"
        first = {"conversations/N/messages": CONVERSATIONS + windows, own: CONVERSATIONS if has_events else 1}
        assert asked(etl) == EVERY_RUN + Counter(first)
        run = etl.run(concurrency=1)
        assert (run.outcome, run.tally.requests) == ("complete", every_run.total())
        assert asked(etl) == every_run
        assert etl.run(Selection(audit=True), concurrency=1).outcome == "complete"
        # Three pages of 25, and the one that ends them.
        assert asked(etl) == every_run + Counter({"conversations/search": 4})


class Together:
    """Holds back the first requests for some paths until so many are there; fails them where one waits for another."""

    def __init__(self, paths: str, many: int) -> None:
        self.paths, self.have_met = re.compile(paths), False
        self._all_there = threading.Barrier(many, self._let_go, LONGEST)

    def _let_go(self) -> None:
        self.have_met = True

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if self.paths.search(request.path) and not self.have_met:
            self._all_there.wait()
        return answer


def test_the_two_books_are_asked_for_at_once(engine: Engine) -> None:
    together = Together("/reports/summary$|/csat_survey_responses/metrics$", 2)
    with walking_job(account_of(2), engine, together) as etl:
        # Longer than the requests wait for each other: else one would be given up, and the next one come in its place.
        run = etl.run(timeout_seconds=2 * LONGEST)
    assert (run.outcome, notes_of(run), together.have_met) == ("complete", [], True)


@pytest.mark.parametrize("refused", ["/reports/summary", "/csat_survey_responses/metrics"])
def test_of_two_books_the_one_that_is_refused_is_said_and_the_other_one_compared(engine: Engine, refused: str) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        return server_fault() if request.path.endswith(refused) else answer

    with walking_job(account_of(2), engine, change) as etl:
        run = etl.run()
        assert run.outcome == "complete"
        assert ["were not compared" in note for note in notes_of(run)] == [True]
        metrics = {metric for (metric,) in etl.rows("SELECT DISTINCT metric FROM vendor_counts")}
    assert ("conversations" in metrics, "surveys_sent" in metrics) == (
        refused != "/reports/summary",
        refused == "/reports/summary",
    )
