"""What a firewall, a proxy or a login page answers is not the vendor's word: unreadable, quoted, asked again."""

from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from etl.demo.events import reply
from etl.demo.server import Answer, Request, json_answer
from etl.load.journal import Run
from etl.selection import Selection
from tests.integration.run.test_connections import BOTH
from tests.integration.run.test_ledger import ENTRIES, TOMBSTONES, hidden
from tests.integration.run.truth import assert_equal
from tests.scripted_account import Change, Job, account_of, job, notes_of, now, walking_job

COUNTS_OFF = Answer(404, b"<html>no such page</html>", "text/html")
FOREIGN = {
    "a firewall's 403": Answer(403, b"<html>you have been blocked</html>", "text/html"),
    "a 403 in JSON": json_answer({"error": "blocked"}, 403),
    "a login page's 401": Answer(401, b"<html>sign in</html>", "text/html"),
    "a proxy's 404": Answer(404, b"<html>nothing here</html>", "text/html"),
    "an empty 404": Answer(404, b"", "application/json"),
    "an empty 401": Answer(401, b""),
    "a 404 that says it is JSON": Answer(404, b"<html>nothing here</html>", "application/json"),
    "a 404 in JSON that says it is text": Answer(404, b'{"error":"gone"}', "text/plain"),
    "a 401 that is a text in JSON": Answer(401, b'"no"'),
    "an empty 204": Answer(204),
    "a 410": json_answer({"error": "gone"}, 410),
    "a suspended account": json_answer({"error": "Account is suspended"}, 401),
    "a gateway's 401 in JSON": json_answer({"message": "Unauthorized"}, 401),
    "a login page": Answer(200, b"<html>sign in</html>", "text/html"),
    "an empty body": Answer(200, b""),
}


def answering(answer: Answer, number: int, has_counts: bool) -> Change:
    """Show a conversation on no page, and answer for it otherwise than the vendor would."""
    hides = hidden(number)

    def change(request: Request, proper: Answer) -> Answer:
        if request.path.endswith(f"/conversations/{number}"):
            return answer
        if request.path.endswith("/conversations/meta") and not has_counts:
            return COUNTS_OFF
        return hides(request, proper)

    return change


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if at < 4 else pytest.mark.long) for at, kind in enumerate(FOREIGN)]
)
def test_a_conversation_for_which_somebody_else_answers_is_unreadable_for_that_night(engine: Engine, kind: str) -> None:
    account, answer = account_of(40), FOREIGN[kind]
    with job(account, engine, change=answering(answer, 7, has_counts=False)) as etl:
        run = etl.run(books="off")
        assert (run.outcome, etl.rows(ENTRIES), etl.rows(TOMBSTONES)) == ("incomplete", [(7, "unreadable")], [])
        assert run.ledger == {
            "highest_id": 40, "loaded": 39, "deleted": 0, "forbidden": 0, "unreadable": 1, "unaccounted": 0,
        }  # fmt: skip
        assert run.problems[0].startswith(
            "1 conversations could not be read; the next run tries again. The first: http"
        )
        said = answer.body.decode().strip('"') or "an empty body"
        assert said in run.problems[0]
        assert notes_of(run) == ["The vendor's counts could not be read, and were not compared."]
    with job(account, engine) as etl:
        run = etl.run(books="off")
        assert (run.outcome, notes_of(run), etl.rows(ENTRIES)) == ("complete", [], [])
        assert_equal(etl, account)


@pytest.mark.long
@BOTH
def test_a_conversation_that_was_loaded_gets_no_tombstone_by_somebody_elses_404(
    engine: Engine, run_it: Callable[[Job], Run]
) -> None:
    account = account_of(60)
    with job(account, engine, page_size=5) as etl:
        assert run_it(etl).outcome == "complete"
    with job(account, engine, change=answering(FOREIGN["a proxy's 404"], 7, has_counts=True), page_size=5) as etl:
        run = etl.run()
        assert (run.outcome, etl.rows(TOMBSTONES), etl.rows(ENTRIES)) == ("incomplete", [], [(7, "unreadable")])
    with job(account, engine, page_size=5) as etl:
        assert etl.run().outcome == "complete"
        assert_equal(etl, account)


@pytest.mark.long
@BOTH
@pytest.mark.parametrize("kind", ["a firewall's 403", "a 403 in JSON", pytest.param("a 410", marks=pytest.mark.long)])
def test_a_page_that_somebody_else_answers_for_is_read_one_by_one(
    engine: Engine, run_it: Callable[[Job], Run], kind: str
) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        is_it = request.path.endswith("/conversations") and request.first("page") in {"1", "3"}
        return FOREIGN[kind] if is_it and request.first("status") == "open" else answer

    account = account_of(60)
    with job(account, engine, change=change, page_size=5) as etl:
        run = run_it(etl)
        (said,) = run.problems
        assert (run.outcome, notes_of(run)) == ("incomplete", [])
        assert said.startswith(f"2 pages were refused, and not by the vendor. The first: {etl.url}/api/v1/accounts/1/")
        assert said.endswith(f"page=1: the server answered {FOREIGN[kind].status}: {FOREIGN[kind].body.decode()}")
        assert_equal(etl, account)
    with job(account, engine, page_size=5) as etl:
        run = etl.run()
        assert (run.outcome, run.problems, notes_of(run)) == ("complete", [], [])
        assert_equal(etl, account)


def test_what_a_refused_page_had_and_nobody_gives_is_unreadable_and_not_gone(engine: Engine) -> None:
    refuses = [False]

    def change(request: Request, answer: Answer) -> Answer:
        is_page = request.path.endswith("/conversations") and request.first("page") == "2"
        is_it = refuses[0] and (is_page or request.path.endswith("/conversations/13"))
        return FOREIGN["a 403 in JSON"] if is_it else answer

    account = account_of(20)
    with walking_job(account, engine, change=change, page_size=5) as etl:
        assert etl.run().outcome == "complete"
        refuses[0] = True
        run = etl.run()
        assert (run.outcome, etl.rows(ENTRIES), etl.rows(TOMBSTONES)) == ("incomplete", [(13, "unreadable")], [])
        assert [one.partition(" ")[0] for one in run.problems] == ["1", "The", "1"]
        assert etl.rows("SELECT count(*) FROM messages WHERE removed_at IS NULL") == [(60,)]


@pytest.mark.parametrize("kind", ["a 403 in JSON", "a 410"])
def test_who_is_refused_everywhere_gets_the_answer_as_the_error_and_nothing_is_written(
    engine: Engine, kind: str
) -> None:
    with job(account_of(20), engine, change=lambda *_: FOREIGN[kind]) as etl:
        run = etl.run()
        (said,) = run.problems
        assert run.outcome == "failed"
        assert said.endswith(f": the server answered {FOREIGN[kind].status}: {FOREIGN[kind].body.decode()}")
        assert (etl.rows(ENTRIES), etl.rows(TOMBSTONES)) == ([], [])
        assert etl.asked()[0] == 3


@pytest.mark.long
def test_a_recent_run_reads_page_by_page_where_a_firewall_keeps_the_filter(engine: Engine) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        return FOREIGN["a 403 in JSON"] if request.first("updated_within") else answer

    account = account_of(12)
    with job(account, engine, change=change, page_size=5) as etl:
        assert etl.run().outcome == "complete"
        reply(account, 3, "new", now(), by=1)
        run = etl.run(Selection(recent=True))
        assert (run.outcome, run.problems) == ("complete", [])
        assert_equal(etl, account)


def test_the_vendors_own_words_are_believed(engine: Engine) -> None:
    denied = json_answer({"error": "You are not authorized to do this action"}, 401)
    with job(account_of(40), engine, change=answering(denied, 7, has_counts=False)) as etl:
        run = etl.run(books="off")
        assert (run.outcome, etl.rows(ENTRIES)) == ("complete", [(7, "forbidden")])
        assert notes_of(run)[-1] == "The vendor refuses 1 conversations to this token."


@pytest.mark.long
@pytest.mark.parametrize("kind", ["a firewall's 403", "a 403 in JSON"])
def test_histories_that_a_firewall_keeps_are_each_asked_for_and_quoted(engine: Engine, kind: str) -> None:
    def change(request: Request, answer: Answer) -> Answer:
        return FOREIGN[kind] if request.path.endswith("/messages") else answer

    account = account_of(15)
    with job(account, engine, change=change) as etl:
        run = etl.run()
        (said,) = run.problems
        assert said.startswith("15 histories could not be read completely; the next run tries again. The first: ")
        assert said.endswith(f"the server answered 403: {FOREIGN[kind].body.decode()}")
    with job(account, engine) as etl:
        assert etl.run().outcome == "complete"
        assert_equal(etl, account)
