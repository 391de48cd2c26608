"""What a sample finds: as much as chance lets it, no more and no less; also where servers tell less."""

from collections import Counter
from collections.abc import Callable, Iterable
from math import sqrt

import pytest
from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.demo.events import add_conversation, add_message
from etl.demo.server import serve
from etl.run import sampling
from etl.run.bounds import likelihood
from etl.run.sampling import Wanted
from etl.selection import Selection
from tests.integration.run.test_two_doors import as_recorded
from tests.integration.run.test_verify import OLD, falsify, told, verified
from tests.recorded_parts import Night, Parts, recorded_2_15, recorded_4_15
from tests.scripted_account import LONG_AGO, Job, account_of, empty_account, job

SEEDS = 200


def drawn(engine: Engine, seeds: Iterable[int], sample: int) -> list[set[int]]:
    """Return the ids of the messages that each seed draws."""
    with transaction(engine) as connection:
        among = sampling.look(connection, 1, Wanted())
        found = [sampling.draw(connection, among, Wanted(sample, seed), reads_histories=True) for seed in seeds]
    return [{message for target in one.targets for message in target.messages} for one in found]


@pytest.mark.long
def test_with_200_seeds_it_finds_what_is_wrong_as_often_as_the_hypergeometric_says(engine: Engine) -> None:
    messages, wrong, sample = 90, 6, 20
    account = account_of(20)
    for minute in range(30):  # a long conversation is drawn as often as its messages are many
        add_message(account, 2, "more", LONG_AGO + 9_000 + minute)
    with job(account, engine) as etl:
        etl.run()
        falsify(etl, "UPDATE messages SET content = 'invented' WHERE id % 15 = 7")
        falsified = set(range(7, messages, 15))
        assert len(falsified) == wrong
        samples = drawn(engine, range(SEEDS), sample)
        assert {len(one) for one in samples} == {sample}
        counts = [len(one & falsified) for one in samples]
        for most in range(4):
            expected = likelihood(messages, wrong, sample, most)
            error = 4 * sqrt(expected * (1 - expected) / SEEDS)
            assert sum(count <= most for count in counts) / SEEDS == pytest.approx(expected, abs=error)
        often = Counter(message for one in samples for message in one)
        assert set(often) == set(range(1, messages + 1))
        assert 44 - 27 < min(often.values()) < max(often.values()) < 44 + 27  # 44 times, with a deviation of 6
        # And what was drawn and is wrong is found, by the whole of it.
        for seed in range(3):
            found = verified(etl, Wanted(sample, seed))
            assert (found.messages.compared, found.messages.differing) == (sample, counts[seed])
            assert found.outcome == ("incomplete" if found.findings.to_repair else "complete")


def test_of_numbers_that_jump_none_is_drawn_from_between(engine: Engine) -> None:
    account = account_of(12)
    account.last_conversation_id = 50_000_000
    add_message(account, add_conversation(account, 1, 1, LONG_AGO).id, "far away", LONG_AGO)
    with job(account, engine) as etl:
        etl.run()
        found = verified(etl)
        assert (told(found), found.outcome) == ([], "complete")
        assert found.conversations.population < 100


def test_an_old_server_that_proves_no_long_history_is_asked_for_each_message_that_is_not_shown(engine: Engine) -> None:
    with job(as_recorded(), engine, behaviour=OLD) as etl:
        assert etl.run(Selection(audit=True)).outcome == "complete"
        ((whole, partial),) = etl.rows("SELECT count(*) FILTER (WHERE NOT partial), count(*) FROM messages")
        assert partial == 101
        found = verified(etl)
        assert (told(found), found.outcome, found.findings.failures) == ([], "complete", [])
        assert (found.messages.compared, found.findings.unproved, found.conversations.compared) == (whole, 1, 0)
        assert found.drawn.among.messages == (whole, partial - whole)
        # Of a message that nobody wrote such a server cannot show that it has none.
        falsify(
            etl,
            "INSERT INTO messages (account_id, id, conversation_id, message_type, created_at)"
            " SELECT 1, max(id) + 1, 1, 'incoming', max(created_at) FROM messages",
        )
        found = verified(etl)
        assert (found.findings.unreadable, found.outcome) == (1, "incomplete")


@pytest.mark.parametrize(
    ("recorded", "numbers", "messages"), [(recorded_2_15, (25, 70), 30), (recorded_4_15, (13, 70), 2)]
)
def test_what_was_recorded_from_real_servers_is_equal(
    engine: Engine, recorded: Callable[[], Parts], numbers: tuple[int, ...], messages: int
) -> None:
    parts = recorded()
    with serve(parts) as url:
        Night(parts, url, engine).run(Selection(kind="backfill", conversations=numbers))
        wanted = Wanted(None, conversations=numbers)
        found = verified(Job(parts, url, engine), wanted, account_id=2, api_token="made-up")
        assert (told(found), found.findings.failures) == ([], [])
        assert (found.conversations.compared, found.messages.compared) == (2, messages)


def test_histories_that_are_not_read_are_not_verified_either(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run(messages="listed")
        found = verified(etl, Wanted(sample=5, seed=1), messages="listed")
        assert (told(found), found.messages.drawn, found.outcome) == ([], 0, "complete")
        assert found.remarks == ["ETL_MESSAGES is listed: histories are not read, and messages are compared as listed."]


def test_an_account_without_conversations_is_drawn_from_without_a_fault(engine: Engine) -> None:
    with job(empty_account(), engine) as etl:
        etl.run()
        assert drawn(engine, [1], 40) == [set()]
