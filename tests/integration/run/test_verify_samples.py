"""What a sample finds: as much as chance lets it, no more and no less; also where servers tell less, or other things."""

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
from tests.integration.run.test_verify import ALL, OLD, falsify, told, verified
from tests.recorded_parts import Night, Parts, recorded_2_15, recorded_4_15
from tests.scripted_account import LONG_AGO, Job, account_of, empty_account, job

SEEDS = 200


def drawn(engine: Engine, seed: int, sample: int) -> set[int]:
    """Return the ids of the messages that a seed draws."""
    with transaction(engine) as connection:
        found = sampling.draw(connection, 1, Wanted(sample, seed), reads_histories=True)
    return {message for target in found.targets for message in target.messages}


def test_with_200_seeds_it_finds_what_is_wrong_as_often_as_the_hypergeometric_says(engine: Engine) -> None:
    messages, wrong, sample = 180, 6, 40
    with job(account_of(60), engine) as etl:
        etl.run()
        falsify(etl, f"UPDATE messages SET content = 'invented' WHERE id % 30 = 7 AND id <= {messages}")
        falsified = set(range(7, messages, 30))
        assert len(falsified) == wrong
        samples = {seed: drawn(engine, seed, sample) for seed in range(SEEDS)}
        assert {len(one) for one in samples.values()} == {sample}
        counts = [len(one & falsified) for one in samples.values()]
        for most in range(4):
            expected = likelihood(messages, wrong, sample, most)
            error = 4 * sqrt(expected * (1 - expected) / SEEDS)
            assert sum(count <= most for count in counts) / SEEDS == pytest.approx(expected, abs=error)
        # And what was drawn and is wrong is found, by the whole of it.
        for seed in range(3):
            found = verified(etl, Wanted(sample, seed))
            assert (found.messages.compared, found.messages.differing) == (sample, counts[seed])
            assert found.outcome == ("incomplete" if found.findings.to_repair else "complete")


def test_every_message_is_drawn_as_often_as_any_other(engine: Engine) -> None:
    account = account_of(4, messages=1)
    for minute in range(40):  # a long conversation is not drawn instead of its messages
        add_message(account, 2, "more", LONG_AGO + 9_000 + minute)
    with job(account, engine) as etl:
        etl.run()
        often = [0] * 45
        for seed in range(SEEDS):
            for message in drawn(engine, seed, 11):
                often[message] += 1
        assert min(often[1:]) >= 25
        assert max(often[1:]) <= 80  # a quarter of 200 is 50, with a deviation of 6
        assert sum(often) == 11 * SEEDS


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
        assert (found.messages.compared, found.findings.unproved) == (whole, 1)
        assert found.drawn.messages == (whole, partial - whole)
        # Of a message that nobody wrote such a server cannot show that it has none.
        falsify(
            etl,
            "INSERT INTO messages (account_id, id, conversation_id, message_type, created_at)"
            " SELECT 1, max(id) + 1, 1, 'incoming', max(created_at) FROM messages",
        )
        found = verified(etl)
        assert (found.findings.unreadable, found.outcome) == (1, "incomplete")


@pytest.mark.parametrize("recorded", [recorded_2_15, recorded_4_15])
def test_what_was_recorded_from_real_servers_is_equal(engine: Engine, recorded: type[Parts]) -> None:
    parts = recorded()
    with serve(parts) as url:
        assert Night(parts, url, engine).run(Selection(audit=True)).tally.counts["conversations"]["seen"]
        found = verified(Job(parts, url, engine), ALL, account_id=2, api_token="made-up")
        assert (told(found), found.findings.failures) == ([], [])
        assert found.messages.compared > 10


def test_histories_that_are_not_read_are_not_verified_either(engine: Engine) -> None:
    with job(account_of(12), engine) as etl:
        etl.run(messages="listed")
        found = verified(etl, Wanted(sample=5, seed=1), messages="listed")
        assert (told(found), found.messages.drawn, found.outcome) == ([], 0, "complete")
        assert found.notes == ["ETL_MESSAGES is listed: histories are not read, and messages are compared as listed."]


def test_an_account_without_conversations_is_drawn_from_without_a_fault(engine: Engine) -> None:
    with job(empty_account(), engine) as etl:
        etl.run()
        assert drawn(engine, 1, 40) == set()
