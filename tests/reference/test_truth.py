"""Holds the figures against what truly happened on made-up desks."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine

from tests.databases import new_engine
from tests.examples import in_the_long_run
from tests.reference.compare import rows, stored
from tests.reference.demo_desk import Compared, compared
from tests.reference.desks import of_bots, orderly, thanked, true_openings
from tests.reference.distance import Told, of_rows, told
from tests.reference.nights import Desk, Night, every_hour, every_night
from tests.reference.world import Talk


def loaded(engine: Engine, talks: list[Talk], nights: list[Night], *, has_events: bool = False) -> list[tuple]:
    """Load a desk run by run, and return when the tables say that each conversation was open."""
    desk = Desk(engine, talks, has_events=has_events)
    desk.open()
    for night in nights:
        desk.run(night)
    return of_rows(stored(engine, "conversation_openings", "conversation_id, opening"))


def comes_back_amid(talk: Talk, nights: list[Night]) -> bool:
    back = [at for kind, at in talk.truth if kind == "reopened"]
    return any(night.started_at <= at < night.finished_at for at in back for night in nights)


@pytest.fixture
def tables(server_url: str, template: str) -> Iterator[Engine]:
    with new_engine(server_url, template) as engine:
        yield engine


@pytest.mark.parametrize("seed", [0, *in_the_long_run(*range(1, 20))])
@pytest.mark.parametrize("nights", [every_night(12), *in_the_long_run(every_hour(12)[::3])], ids=["nights", "hours"])
def test_what_the_evidence_tells_is_what_happened(seed: int, nights: list[Night], tables: Engine) -> None:
    """It tells all where each resolution leaves an activity and comes after a reply of its opening, and where an
    activity of another kind is followed by a reply before the contact writes, or the conversation is resolved; but not
    where the contact is back while a run reads: what the run saw may have been there before or after."""
    talks = [talk for talk in orderly(seed) if not comes_back_amid(talk, nights)]
    assert loaded(tables, talks, nights) == true_openings(talks, nights[-1].started_at)


@pytest.mark.long
def test_a_desk_whose_contacts_say_thanks_has_all_its_resolutions_and_reopenings(tables: Engine) -> None:
    """60 conversations a day; 3 of 10 contacts write hours after the resolution; resolved again; one run a night."""
    talks, nights = thanked(1), every_night(14)
    true = true_openings(talks, nights[-1].started_at)
    openings = loaded(tables, talks, nights)
    assert told(openings, true) == told(true, true)
    assert told(true, true) == Told(resolutions=1086, reopenings=246, mean_seconds=6209, right=1086)


@pytest.mark.long
@pytest.mark.parametrize("desk", [of_bots, *in_the_long_run(orderly, thanked)])
@pytest.mark.parametrize(
    "nights", [[every_night(12)[-1]], *in_the_long_run(every_night(12))], ids=["at once", "nights"]
)
def test_with_the_vendors_own_events_every_opening_is_what_happened(
    desk: Callable[..., list[Talk]], nights: list[Night], tables: Engine
) -> None:
    """Also what was resolved in silence, and all that happened in the days before the first run."""
    talks = desk(1, 20, 7)
    assert loaded(tables, talks, nights, has_events=True) == true_openings(talks, nights[-1].started_at)
    told_by = rows(tables, "SELECT DISTINCT resolved_at_is, resolved_by FROM helpdesk.conversation_openings ORDER BY 2")
    assert [row for row in told_by if row["resolved_by"]] == [{"resolved_at_is": "told", "resolved_by": "vendor"}]


@pytest.mark.long
def test_with_them_our_reading_of_the_demos_account_is_the_vendors_and_differs_in_replies_that_failed() -> None:
    """Three histories were imported, of whose times before that the server has written nothing down."""
    with_them, without = compared(with_events=True), compared()
    for name in ("conversation_resolved", "conversation_opened"):
        found = with_them[name]
        assert found == Compared(found.vendor, found.vendor + 3, found.vendor)
        assert without[name].same < found.same
    assert with_them["first_response"].vendor - with_them["first_response"].same == 6
