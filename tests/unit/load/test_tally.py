"""Tallies: how they are added, and sent from worker to worker."""

import dataclasses
import json
from collections import Counter

import pytest

from etl.id_set import IdSet
from etl.load.tally import IdSets, Tally, Unproved


def a_tally() -> Tally:
    """Return one in which nothing is as it was at the beginning."""
    tally = Tally(requests=5, retries=1, pages=2, rejected=3, inserted=4, beyond_range=6, replaced=7, unread=8)
    tally.counts["messages"].update(seen=3, inserted=2, updated=1)
    tally.unknown_fields, tally.seen, tally.handed_on = {"message.mood"}, IdSet([3, 1]), {9}
    tally.quotes = {"what was answered"}
    tally.unproved, tally.why = {3: Unproved("mark", [7, 8])}, "the first"
    tally.moved, tally.denied = IdSet([3, 4]), IdSet([10**9])
    tally.edits = Counter(moved=3, left=1)
    tally.sent, tally.withheld = (
        Counter({"message": 2, "message.content\ttext": 2}),
        IdSets({"message.content": IdSet([5])}),
    )
    tally.contradictions = {"type 4"}
    tally.of_another_kind = 2
    tally.walks_back = True
    return tally


def test_the_tally_of_these_tests_has_something_of_everything():
    assert [
        one.name for one in dataclasses.fields(Tally) if getattr(a_tally(), one.name) == getattr(Tally(), one.name)
    ] == []


def test_a_tally_is_the_same_after_json():
    sent = json.loads(json.dumps(a_tally().to_json()))
    read = Tally.from_json(sent)
    assert read.to_json() == a_tally().to_json()
    assert [type(getattr(read, one.name)) for one in dataclasses.fields(read)] == [
        type(getattr(a_tally(), one.name)) for one in dataclasses.fields(read)
    ]
    assert list(read.unproved[3].read) == [7, 8]


def test_numbers_are_summed_sets_united_and_of_texts_the_first_stays():
    total = a_tally()
    another = Tally(requests=1, seen=IdSet([1, 2]), handed_on={10}, why="the second", unproved={4: Unproved("m", [])})
    another.counts["messages"].update(seen=1, unchanged=1)
    total += another
    assert (total.requests, total.retries, sorted(total.seen), total.handed_on) == (6, 1, [1, 2, 3], {9, 10})
    assert total.counts["messages"] == Counter(seen=4, inserted=2, updated=1, unchanged=1)
    assert (total.why, sorted(total.unproved)) == ("the first", [3, 4])


def test_adding_nothing_changes_nothing_and_nothing_takes_on_what_is_added():
    total, nothing = a_tally(), Tally()
    total += Tally()
    nothing += a_tally()
    assert total.to_json() == nothing.to_json() == a_tally().to_json()


def test_what_was_added_is_not_changed_by_what_is_added_later():
    total, part = Tally(), a_tally()
    total += part
    total += a_tally()
    assert part.to_json() == a_tally().to_json()


@pytest.mark.parametrize("sent", [{}, {"requests": 4}])
def test_what_an_older_version_did_not_send_is_nothing(sent):
    assert Tally.from_json(sent).to_json() == Tally(**sent).to_json()


def test_what_a_newer_version_sends_beside_it_fails_no_run():
    assert Tally.from_json({"requests": 4, "hiccups": 7}).to_json() == Tally(requests=4).to_json()
