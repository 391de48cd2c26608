"""What was accepted (`etl accept`): known while it stays so, a problem when it does not, and no cloak for another."""

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Contact
from etl.demo.events import change_conversation
from etl.demo.server import Answer, Request, json_answer
from etl.errors import SettingsError
from etl.load.acceptances import FaultKind
from etl.load.journal import Run
from etl.run import accepting
from etl.run.accepting import Signed
from tests.scripted_account import LONG_AGO, Job, account_of, job, now, server_fault

CONVERSATION, FORBIDDEN, REJECTED = FaultKind.CONVERSATION, FaultKind.FORBIDDEN, FaultKind.REJECTED
LATER = datetime(2126, 1, 1, tzinfo=UTC)
SIGNED = Signed("its contact was deleted", "dana, database user etl", LATER)
OVER = "SELECT what, ended_why FROM acceptances WHERE ended_at IS NOT NULL ORDER BY number"
ENTRIES = "SELECT conversation_id, state, nights, counted_as FROM conversation_ledger ORDER BY 1"


class Faults:
    """Lets single conversations fail, and the pages that have them, as the vendor does."""

    def __init__(self, *ids: int) -> None:
        self.ids, self.answer = set(ids), server_fault()

    def __call__(self, request: Request, answer: Answer) -> Answer:
        *_, kind, number = request.path.split("/")
        if kind == "conversations" and number.isdigit():
            return self.answer if int(number) in self.ids else answer
        if request.path.endswith("/conversations") and answer.status == 200:
            shown = {one["id"] for one in orjson.loads(answer.body)["data"]["payload"]}
            return server_fault() if shown & self.ids else answer
        return answer


def accept(etl: Job, *wanted: tuple[FaultKind, str], signed: Signed = SIGNED) -> None:
    accepting.accept(etl.engine, 1, wanted, signed)


def execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"SET search_path TO helpdesk; {statement}"))


def days_pass(engine: Engine, days: int) -> None:
    """Have whatever was noted of the ledger and of acceptances be so many days older."""
    execute(engine, f"UPDATE conversation_ledger SET checked_at = checked_at - interval '{days} days'")


def asked(etl: Job, conversation_id: int) -> int:
    return sum(one.path.endswith(f"/conversations/{conversation_id}") for one in etl.vendor.requests)


def outcome(run: Run) -> tuple[str, dict[str, list[str]]]:
    return run.outcome, run.known


KNOWN_3 = ("complete", {"conversation": ["3"]})
UNREAD = "1 conversations could not be read; the next run tries again."


@pytest.mark.parametrize("was_loaded", [False, True])
def test_what_cannot_be_read_and_was_accepted_is_known_counted_and_left_alone(engine: Engine, was_loaded: bool) -> None:
    faults = Faults()
    with job(account_of(5), engine, change=faults, page_size=2) as etl:
        if was_loaded:
            assert etl.run().outcome == "complete"
        before = etl.rows("SELECT id, xmin::text FROM messages ORDER BY 1")
        faults.ids = {3}
        assert etl.run(walk_days=0).problems[-1].startswith(UNREAD)
        accept(etl, (CONVERSATION, "3"))
        for settings in ({}, {}, {"walk_days": 0}):
            run = etl.run(retry_attempts=3, **settings)
            assert outcome(run) == KNOWN_3, run.problems
            assert run.ledger == {
                "highest_id": 5, "loaded": 4, "deleted": 0, "forbidden": 0, "unreadable": 1, "unaccounted": 0
            }  # fmt: skip
            assert (asked(etl, 3), run.tally.retries) == (0, 0)
        # What was stored of it on an earlier night stays as it is.
        assert [row for row in etl.rows("SELECT id, xmin::text FROM messages ORDER BY 1") if row in before] == before


@pytest.mark.long
def test_a_night_of_a_large_account_is_proved_by_counts_although_a_conversation_is_known_to_be_unreadable(
    engine: Engine,
) -> None:
    faults = Faults(3)
    account = account_of(30, messages=1)
    with job(account, engine, change=faults, page_size=5) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"))
        assert outcome(etl.run()) == KNOWN_3
        assert etl.rows(ENTRIES) == [(3, "unreadable", 1, "open")]
        run = etl.run()
        assert (run.proof, *outcome(run)) == ("counts", *KNOWN_3), run.notes
        # Another one that is lost meanwhile is no less looked for.
        execute(engine, "DELETE FROM attachments; DELETE FROM messages WHERE conversation_id = 7")
        for table in ("conversation_states", "conversation_labels"):
            execute(engine, f"DELETE FROM {table} WHERE conversation_id = 7")
        execute(engine, "DELETE FROM conversations WHERE id = 7")
        run = etl.run()
        assert outcome(run) == KNOWN_3, run.problems
        assert etl.rows("SELECT count(*) FROM conversations") == [(29,)]


@pytest.mark.long
def test_it_is_asked_for_once_a_week_without_retries_and_the_acceptance_ends_when_it_is_there(engine: Engine) -> None:
    faults = Faults(3)
    with job(account_of(5), engine, change=faults, page_size=2) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"))
        days_pass(engine, 7)
        run = etl.run(retry_attempts=3)
        assert (asked(etl, 3), *outcome(run)) == (1, *KNOWN_3)
        faults.ids = set()
        days_pass(engine, 7)
        run = etl.run()
        assert outcome(run) == ("complete", {})
        assert any(note.endswith("of conversation 3 is over: it was loaded.") for note in run.notes)
        assert etl.rows(OVER) == [("3", "it was loaded (run 3)")]
        assert etl.rows("SELECT count(*) FROM messages") == [(15,)]
        faults.ids = {3}
        assert etl.run(walk_days=0).outcome == "incomplete"  # it was accepted, and no longer is


def test_another_failure_another_conversation_and_an_expiry_are_problems(engine: Engine) -> None:
    faults = Faults(3)
    with job(account_of(6), engine, change=faults, page_size=2) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"))
        faults.ids = {3, 5}
        run = etl.run(walk_days=0)
        assert outcome(run) == ("incomplete", {"conversation": ["3"]})
        assert [problem.partition(" The first:")[0] for problem in run.problems if "could not be read" in problem] == [
            UNREAD
        ]
        assert "conversations/5: " in run.problems[-1]
        faults.ids, faults.answer = {3}, Answer(403, b"<html>blocked</html>", {"Content-Type": "text/html"})
        days_pass(engine, 7)
        run = etl.run()
        assert run.outcome == "incomplete"
        assert any("conversation 3 cannot be read now (the server answered 403)" in one for one in run.problems)
        assert any(one.startswith(UNREAD) for one in run.problems)
        faults.answer = server_fault()
        etl.run()
        execute(engine, "UPDATE acceptances SET expires_at = now()")
        run = etl.run()
        assert outcome(run) == ("incomplete", {})
        assert any("of conversation 3 has expired." in problem for problem in run.problems)


def test_one_that_is_deleted_or_refused_after_all_is_not_what_was_accepted(engine: Engine) -> None:
    faults = Faults(3, 4)
    account = account_of(40, messages=1)
    with job(account, engine, change=faults, page_size=5) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"), (CONVERSATION, "4"))
        assert outcome(etl.run()) == ("complete", {"conversation": ["3", "4"]})
        del account.conversations[3]
        faults.ids = {4}
        faults.answer = json_answer({"error": "You are not authorized to do this action"}, 401)
        days_pass(engine, 7)
        run = etl.run()
        assert run.outcome == "incomplete"
        assert any("of conversation 3 is over: it is deleted at the vendor." in note for note in run.notes)
        assert any("conversation 4 is refused to this token now." in problem for problem in run.problems)


@pytest.mark.long
def test_messages_that_the_vendor_counts_in_it_are_known_and_no_loss_beside_them_is(engine: Engine) -> None:
    with job(account_of(6), engine, change=Faults(3), page_size=2) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"))
        ((was,),) = etl.rows("SELECT as_it_was -> 'books' FROM acceptances")
        assert (was["conversations"], was["incoming_messages"]) == (1, 3)
        run = etl.run()
        assert outcome(run) == KNOWN_3, run.problems
        assert any(note.endswith("Why: what cannot be read or stored, as was accepted.") for note in run.notes)
        # Nothing is read again for what is known.
        assert etl.asked()[1] == []


@pytest.mark.long
def test_a_message_that_is_lost_beside_it_is_found_by_the_vendors_books(engine: Engine) -> None:
    hidden: set[int] = set()

    def hide(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/messages") or not hidden:
            return faults(request, answer)
        value = orjson.loads(answer.body)
        value["payload"] = [one for one in value["payload"] if one["id"] not in hidden]
        return json_answer(value)

    faults = Faults(3)
    with job(account_of(6), engine, change=hide, page_size=2) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"))
        assert outcome(etl.run()) == KNOWN_3
        ((lost,),) = etl.rows("SELECT min(id) FROM messages WHERE conversation_id = 5")
        hidden.add(lost)
        execute(engine, f"DELETE FROM messages WHERE id = {lost}")
        run = etl.run()
        assert run.outcome == "incomplete", run.notes
        assert any("the vendor counts 12 incoming messages, and the tables 8" in one for one in run.problems), (
            run.problems
        )


def test_of_what_was_accepted_at_once_nothing_is_counted_for_the_rest_when_one_comes_back(engine: Engine) -> None:
    faults = Faults(3, 4)
    with job(account_of(6), engine, change=faults, page_size=2) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"), (CONVERSATION, "4"))
        assert outcome(etl.run()) == ("complete", {"conversation": ["3", "4"]})
        faults.ids = {4}
        days_pass(engine, 7)
        run = etl.run()
        assert (run.outcome, run.known) == ("incomplete", {"conversation": ["4"]})
        assert any("the vendor counts 12 incoming messages, and the tables 9" in one for one in run.problems), (
            run.problems
        )
        faults.ids = {4}
        execute(engine, "UPDATE acceptances SET expires_at = now() WHERE what = '4'")
        etl.run()
        accept(etl, (CONVERSATION, "4"))
        assert outcome(etl.run()) == ("complete", {"conversation": ["4"]})


@pytest.mark.long
def test_what_failed_alike_on_three_days_is_asked_for_once_a_night_without_retries(engine: Engine) -> None:
    faults = Faults(3)
    with job(account_of(5), engine, change=faults, page_size=2) as etl:
        for night in range(1, 4):
            etl.run(retry_attempts=1)
            assert etl.rows("SELECT nights FROM conversation_ledger") == [(night,)]
            days_pass(engine, 1)
        run = etl.run(retry_attempts=2)
        assert (asked(etl, 3), run.tally.retries, run.outcome) == (1, 0, "incomplete")
        faults.ids = set()
        assert etl.run().outcome == "complete"
        assert etl.rows(ENTRIES) == []


def test_who_is_refused_a_conversation_may_know_it(engine: Engine) -> None:
    with job(account_of(4), engine, hidden_inboxes=frozenset({2})) as etl:
        etl.run()
        accept(etl, (FORBIDDEN, "2"))
        run = etl.run()
        assert outcome(run) == ("complete", {"forbidden": ["2"]})
        assert run.ledger is not None
        assert run.ledger["forbidden"] == 2
    with job(account_of(4), engine) as etl:
        run = etl.run()
        assert (run.outcome, run.known, etl.rows(OVER)) == ("complete", {}, [("2", "it was loaded (run 3)")])


def spoil(value: Any) -> Any:
    def changed(request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations/2/messages"):
            return answer
        told = orjson.loads(answer.body)
        told["payload"][0] |= value
        return json_answer(told)

    return changed


def test_a_rejected_record_is_known_as_long_as_it_is_sent_as_it_was(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine, change=spoil({"created_at": "never"})) as etl:
        etl.run(books="off")
        ((number,),) = etl.rows("SELECT DISTINCT entity_id FROM rejected_records")
        accept(etl, (REJECTED, f"message:{number}"))
        run = etl.run(books="off")
        assert outcome(run) == ("complete", {"rejected": [f"message:{number}"]}), run.problems
    with job(account, engine, change=spoil({"created_at": "never", "content": "another"})) as etl:
        run = etl.run(books="off")
        assert run.outcome == "incomplete"
        assert any(f"rejected record message:{number} has changed." in problem for problem in run.problems)
    with job(account, engine) as etl:
        run = etl.run(books="off")
        assert outcome(run) == ("complete", {})
        assert [row[0] for row in etl.rows(OVER)] == [f"message:{number}"]


def test_only_what_is_so_can_be_accepted_and_what_is_accepted_can_be_taken_back(engine: Engine) -> None:
    with job(account_of(5), engine, change=Faults(3), page_size=2) as etl:
        etl.run()
        yesterday = Signed("x", "y", datetime.now(UTC) - timedelta(days=1))
        for wanted, signed, said in (
            ((CONVERSATION, "4"), SIGNED, "Conversation 4 is none that could not be read"),
            ((FORBIDDEN, "3"), SIGNED, "Conversation 3 was not refused"),
            ((REJECTED, "message:7"), SIGNED, "No rejected record message:7 waits"),
            ((FaultKind.CONTRACT, "conversation.meta.team"), SIGNED, "Field conversation.meta.team is not gone"),
            ((CONVERSATION, "3"), yesterday, "that is over"),
        ):
            with pytest.raises(SettingsError, match=said):
                accept(etl, wanted, signed=signed)
        accept(etl, (CONVERSATION, "3"))
        accept(etl, (CONVERSATION, "3"))
        assert etl.rows(OVER) == [("3", "it was accepted anew")]
        with pytest.raises(SettingsError, match="Conversation 4 is not accepted"):
            accepting.withdraw(engine, 1, [(CONVERSATION, "3"), (CONVERSATION, "4")], "dana")
        accepting.withdraw(engine, 1, [(CONVERSATION, "3")], "dana")
        assert etl.rows(OVER)[1:] == [("3", "taken back by dana")]
        assert accepting.listed(engine, 1)[0] == []
        assert etl.run().outcome == "incomplete"


@pytest.mark.long
def test_a_deleted_contact_is_the_usual_case(engine: Engine) -> None:
    account = account_of(4)
    account.contacts[9] = Contact(9, "Gone", LONG_AGO)
    account.conversations[2].contact_id = 9
    with job(account, engine, page_size=1) as etl:
        etl.run()
        del account.contacts[9]
        run = etl.run(walk_days=0)
        assert run.outcome == "incomplete"
        accept(etl, (CONVERSATION, "2"))
        run = etl.run()
        assert outcome(run) == ("complete", {"conversation": ["2"]}), run.problems


@pytest.mark.long
def test_no_run_is_a_witness_of_what_it_was_let_off(engine: Engine) -> None:
    faults = Faults()
    account = account_of(6)
    with job(account, engine, change=faults, page_size=2) as etl:
        etl.run()
        faults.ids = {3}
        etl.run(walk_days=0)
        accept(etl, (CONVERSATION, "3"))
        let_off = etl.run()
        assert outcome(let_off) == KNOWN_3
        faults.ids = set()
        for number in (3, 4):
            change_conversation(account, number, now(), None, status="resolved")
        # Its page shows it, before it is asked for.
        assert outcome(etl.run(walk_days=0)) == ("complete", {})
        query = (
            "SELECT is_seen FROM helpdesk.evidence_of(1, ARRAY[:number]) WHERE is_seen AND kind = 'open' AND at = :at"
        )
        seen = {number: etl.rows(query, number=number, at=let_off.finished_at) for number in (3, 4)}
        assert seen == {3: [], 4: [(True,)]}
