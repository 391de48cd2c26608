"""What was accepted (`etl accept`) hides nothing else, also where vendor and tables do not count the same of it."""

from collections.abc import Collection

import orjson
import pytest
from sqlalchemy import Engine

from etl.demo.events import add_message, change_conversation
from etl.demo.server import Answer, Request, json_answer
from etl.errors import SettingsError
from etl.run.accepted import Accepted, judge_records
from etl.selection import Selection
from tests.integration.run.test_accepted import (
    CONVERSATION,
    KNOWN_3,
    OVER,
    REJECTED,
    Faults,
    accept,
    execute,
    outcome,
    spoil,
)
from tests.scripted_account import DAY, LONG_AGO, account_of, job, now

BY_STATUS = "SELECT conversation_id, counted_as FROM conversation_ledger WHERE state = 'unreadable' ORDER BY 1"


class Uncounted(Faults):
    """Does not count what it cannot show, as with those of a deleted inbox; hides others, and counts them.

    hidden: conversations that no page shows, and that are not found when they are asked for.
    """

    def __init__(self, *ids: int) -> None:
        super().__init__(*ids)
        self.hidden: Collection[int] = ()
        self.is_counted = False

    def __call__(self, request: Request, answer: Answer) -> Answer:
        *_, kind, last = request.path.split("/")
        if kind == "conversations" and last.isdigit() and int(last) in self.hidden:
            return json_answer({"error": "Resource could not be found"}, 404)
        if last not in {"conversations", "meta"} or request.first("status") != "open":
            return super().__call__(request, answer)
        told = orjson.loads(answer.body)
        of = told.get("data") or told
        of["meta"]["all_count"] -= 0 if self.is_counted else len(self.ids)
        shown = {one["id"] for one in of.get("payload", ())}
        if shown:
            of["payload"] = [one for one in of["payload"] if one["id"] not in self.hidden]
        return super().__call__(request, json_answer(told))


def test_what_the_vendor_does_not_count_makes_up_for_no_other_that_it_does(engine: Engine) -> None:
    faults = Uncounted(3)
    with job(account_of(40, messages=1), engine, change=faults, page_size=5) as etl:
        etl.run(books="off")
        accept(etl, (CONVERSATION, "3"))
        for days, proof in ((0, "walk"), (7, "counts"), (0, "walk")):
            run = etl.run(books="off", walk_days=days)
            assert (run.proof, *outcome(run)) == (proof, *KNOWN_3), (run.problems, run.notes)
        faults.hidden = {7}
        for _ in range(2):
            run = etl.run(books="off", walk_days=0)
            assert run.outcome == "incomplete", (run.ledger, run.notes)
            assert "The vendor counts 39 conversations, and 38 were loaded." in run.problems
        assert etl.rows(BY_STATUS) == [(3, "not counted")]
        faults.hidden = ()
        assert outcome(etl.run(books="off", walk_days=0)) == KNOWN_3
        # Counted all the same: that it is the same one says who accepts it anew.
        faults.is_counted = True
        assert etl.run(books="off", walk_days=0).outcome == "incomplete"
        accept(etl, (CONVERSATION, "3"))
        assert outcome(etl.run(books="off", walk_days=0)) == KNOWN_3
        assert etl.rows(BY_STATUS) == [(3, "open")]


@pytest.mark.long
@pytest.mark.parametrize("was_loaded", [False, True])
def test_one_that_is_deleted_while_it_is_left_alone_is_no_problem(engine: Engine, was_loaded: bool) -> None:
    faults = Faults()
    account = account_of(30, messages=1)
    with job(account, engine, change=faults, page_size=5) as etl:
        if was_loaded:
            etl.run()
        faults.ids = {3}
        etl.run(walk_days=0)
        accept(etl, (CONVERSATION, "3"))
        assert outcome(etl.run()) == KNOWN_3
        del account.conversations[3]
        faults.ids = set()
        run = etl.run()
        assert outcome(run) == ("complete", {}), run.problems
        assert [row[0] for row in etl.rows(OVER)] == ["3"]


def test_the_newest_conversation_of_all_can_be_accepted_too(engine: Engine) -> None:
    account, faults = account_of(5), Faults(5)
    with job(account, engine, change=faults, page_size=1) as etl:
        run = etl.run()
        assert run.outcome == "incomplete"
        assert run.ledger is not None
        assert (run.ledger["highest_id"], run.ledger["unreadable"]) == (5, 1), run.problems
        accept(etl, (CONVERSATION, "5"))
        for _ in range(2):
            assert outcome(run := etl.run()) == ("complete", {"conversation": ["5"]}), run.problems
        # Its number was not given out, and the vendor counts it no more.
        del account.conversations[5]
        faults.ids = set()
        assert outcome(run := etl.run()) == ("complete", {}), run.problems


def test_a_run_of_what_is_recent_is_no_witness_of_what_the_night_before_was_let_off(engine: Engine) -> None:
    faults = Faults()
    account = account_of(60, messages=1)
    with job(account, engine, change=faults, page_size=2) as etl:
        etl.run()
        faults.ids = {3}
        etl.run(walk_days=0)
        accept(etl, (CONVERSATION, "3"))
        assert outcome(etl.run()) == KNOWN_3
        run = etl.run(Selection(recent=True))
        assert run.outcome == "complete", run.problems
        assert run.known == {"conversation": ["3"]}
        ((unseen, has_seen_all),) = etl.rows("SELECT unseen, has_seen_all FROM whole_runs ORDER BY run_id DESC LIMIT 1")
        assert (unseen, has_seen_all) == (["3"], True)


class Blip(Faults):
    """Fails once at each page, otherwise than at what is broken for good."""

    def __init__(self, *ids: int) -> None:
        super().__init__(*ids)
        self.failed: set[str] | None = None

    def __call__(self, request: Request, answer: Answer) -> Answer:
        asked_for = f"{request.path}?{request.query}"
        if self.failed is not None and request.path.endswith("/conversations") and asked_for not in self.failed:
            self.failed.add(asked_for)
            return Answer(502, b"bad gateway", "text/plain")
        return super().__call__(request, answer)


def test_a_page_that_fails_for_a_moment_is_asked_for_again_whatever_is_known(engine: Engine) -> None:
    faults = Blip(3)
    with job(account_of(30, messages=1), engine, change=faults, page_size=5) as etl:
        etl.run()
        accept(etl, (CONVERSATION, "3"))
        etl.run()
        faults.failed = set()
        run = etl.run(retry_attempts=3)
        assert (run.proof, *outcome(run)) == ("counts", *KNOWN_3), run.notes


def test_a_rejected_record_of_another_kind_is_another_one_although_it_says_the_same(engine: Engine) -> None:
    with job(account_of(1), engine) as etl:
        run = etl.run()
    row = f"(1, %s, '{'d' * 64}', {run.run_id}, 'id: is missing')"
    insert = "INSERT INTO rejected_records (account_id, entity, digest, run_id, reason) VALUES "
    execute(engine, insert + row % "'sender'")
    accept(etl, (REJECTED, f"sender:{'d' * 12}"))
    assert judge_records(Accepted.of(engine, run)) == 0
    execute(engine, insert + row % "'owner'")
    assert judge_records(Accepted.of(engine, run)) == 1


@pytest.mark.long
def test_nor_is_a_night_a_witness_of_team_and_mute_of_what_it_was_let_off(engine: Engine) -> None:
    faults = Faults()
    account = account_of(6)
    for number in (3, 4):
        add_message(account, number, "done", LONG_AGO + DAY, message_type=1, sender_type="User", sender_id=1)
    with job(account, engine, change=faults, page_size=1) as etl:
        etl.run(walk_days=0)
        faults.ids = {3}
        etl.run(walk_days=0)
        accept(etl, (CONVERSATION, "3"))
        # The vendor tells whole seconds: a question in that of the runs until now would have been asked before them.
        execute(engine, "UPDATE conversation_states SET valid_from = valid_from - interval '1 minute'")
        earlier = ", ".join(f"{name} = {name} - interval '1 minute'" for name in ("started_at", "finished_at"))
        execute(engine, f"UPDATE sync_runs SET {earlier}")
        asked_at = now()
        for number in (3, 4):
            add_message(account, number, "still broken", asked_at)
        let_off = etl.run(walk_days=0)
        assert outcome(let_off) == KNOWN_3, let_off.problems
        for number in (3, 4):
            change_conversation(account, number, now(), None, team_id=1, muted=True)
        faults.ids = set()
        assert outcome(etl.run(walk_days=0)) == ("complete", {})
        asked = "SELECT conversation_id, is_team_known, is_muted(1, conversation_id, since) FROM owed_then"
        assert etl.rows(f"{asked} WHERE since >= to_timestamp(:at) ORDER BY 1", at=asked_at) == [
            (3, False, True),
            (4, True, False),
        ]


@pytest.mark.long
def test_a_night_that_failed_before_it_is_accepted_does_not_matter(engine: Engine) -> None:
    with job(account_of(6), engine, change=Faults(3), page_size=2) as etl:
        etl.run()
        assert etl.run(base_url="http://127.0.0.1:9").outcome == "failed"
        accept(etl, (CONVERSATION, "3"))
        assert outcome(run := etl.run()) == KNOWN_3, run.problems


def test_a_conversation_that_cannot_be_stored_is_not_accepted_as_the_ledger_would_know_nothing_of_it(
    engine: Engine,
) -> None:
    def spoilt(request: Request, answer: Answer) -> Answer:
        *_, kind, last = request.path.split("/")
        if last != "conversations" and (kind, last) != ("conversations", "2"):
            return answer
        told = orjson.loads(answer.body)
        for one in told["data"]["payload"] if "data" in told else [told]:
            if one["id"] == 2:
                one["created_at"] = "never"
        return json_answer(told)

    with job(account_of(3), engine, change=spoilt) as etl:
        assert "Of 1 of 3 conversation ids nothing is known." in etl.run().problems
        with pytest.raises(SettingsError, match="without it the ledger knows nothing of that conversation"):
            accept(etl, (REJECTED, "conversation:2"))


@pytest.mark.long
def test_of_a_rejected_message_the_vendors_books_know_as_much_as_was_accepted(engine: Engine) -> None:
    with job(account_of(3), engine, change=spoil({"created_at": "never"})) as etl:
        etl.run()
        ((number,),) = etl.rows("SELECT DISTINCT entity_id FROM rejected_records")
        accept(etl, (REJECTED, f"message:{number}"))
        for days in (7, 0):
            run = etl.run(walk_days=days)
            assert outcome(run) == ("complete", {"rejected": [f"message:{number}"]}), run.problems


def test_beside_a_rejected_message_no_other_that_is_lost_is_let_off(engine: Engine) -> None:
    def changed(request: Request, answer: Answer) -> Answer:
        answer = spoil({"created_at": "never"})(request, answer)
        if not request.path.endswith("/conversations/3/messages"):
            return answer
        told = orjson.loads(answer.body)
        del told["payload"][0]
        return json_answer(told)

    with job(account_of(3), engine, change=changed) as etl:
        etl.run()
        accept(etl, *((REJECTED, f"message:{one}") for (one,) in etl.rows("SELECT entity_id FROM rejected_records")))
        assert etl.rows("SELECT as_it_was -> 'books' FROM acceptances") == [(None,)]
        run = etl.run()
        assert run.outcome == "incomplete"
        assert sum("incoming messages, and the tables" in problem for problem in run.problems) == 2, run.problems


class SpoiltOne:
    """Sends one message, of conversation 2, without a time that can be read, as long as it is there."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if not request.path.endswith("/conversations/2/messages"):
            return answer
        told = orjson.loads(answer.body)
        self.number = self.number or told["payload"][0]["id"]
        for message in told["payload"]:
            message.update({"created_at": "never"} if message["id"] == self.number else {})
        return json_answer(told)


@pytest.mark.long
def test_what_was_rejected_and_is_no_longer_there_lets_off_no_message_that_is_lost(engine: Engine) -> None:
    account, spoilt = account_of(3), SpoiltOne()
    with job(account, engine, change=spoilt) as etl:
        etl.run()
        accept(etl, (REJECTED, f"message:{spoilt.number}"))
        assert outcome(etl.run(walk_days=7)) == ("complete", {"rejected": [f"message:{spoilt.number}"]})
        # It is gone at the vendor without a word, and one like it is lost here.
        messages = account.conversations[2].messages
        (rejected,) = (one for one in messages if one.id == spoilt.number)
        messages.remove(rejected)
        lost = next(one.id for one in account.conversations[3].messages if one.message_type == rejected.message_type)
        execute(engine, f"DELETE FROM helpdesk.messages WHERE id = {lost}")
        for days in (7, 0):
            run = etl.run(walk_days=days)
            is_there = etl.rows(f"SELECT count(*) FROM messages WHERE id = {lost}") == [(1,)]
            assert is_there or run.outcome == "incomplete", (run.known, run.books)


def test_messages_lost_of_a_conversation_that_was_accepted_are_let_off_by_nothing(engine: Engine) -> None:
    faults = Faults()
    with job(account_of(12), engine, change=faults, page_size=5) as etl:
        etl.run()
        faults.ids = {3}
        etl.run(walk_days=0)
        accept(etl, (CONVERSATION, "3"))
        assert outcome(etl.run(walk_days=7)) == KNOWN_3
        execute(engine, "DELETE FROM helpdesk.messages WHERE conversation_id = 3 AND id % 2 = 0")
        # The first night has it read again, which fails; the next one knows that it cannot.
        told = {
            7: "/conversations/3: the server answered 500",
            0: "the vendor counts 30 incoming messages, and the tables 29",
        }
        for days, said in told.items():
            run = etl.run(walk_days=days)
            assert run.outcome == "incomplete", (run.known, run.books)
            assert any(said in problem for problem in run.problems), run.problems
