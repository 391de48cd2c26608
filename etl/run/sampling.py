"""Draws what is verified: messages at random out of the tables, and numbers of conversations, whoever has them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from itertools import accumulate, chain
from random import Random
from typing import Any

from sqlalchemy import Connection

from etl.load import ledger_entries, samples
from etl.load.ledger_entries import DELETED
from etl.load.samples import Population, Within
from etl.run.fresh import Target
from etl.run.spans import distance, find_spans

SAMPLE = 1_500


@dataclass(frozen=True)
class Wanted:
    """What shall be verified; the default is a sample of everything.

    sample: how many messages, and how many conversations, are drawn; None: all. seed: draws the same ones again.
    since, until: of conversations that were going on then. conversations: these, whole, and nothing else.
    """

    sample: int | None = SAMPLE
    seed: int = 0
    since: datetime | None = None
    until: datetime | None = None
    conversations: tuple[int, ...] = ()

    @property
    def draws(self) -> bool:
        """Whether anything is left to chance."""
        return self.sample is not None and not self.conversations

    def chosen(self) -> dict[str, Any] | None:
        """Return what was not left at its default of those that say which conversations, as JSON values."""
        times = {name: time.isoformat() for name in ("since", "until") if (time := getattr(self, name))}
        named = {"conversations": list(self.conversations)} if self.conversations else {}
        return times | named or None


@dataclass(frozen=True)
class Among:
    """What is drawn from: spans of numbers of conversations, how many messages, and which of the tables are these."""

    numbers: list[Sequence[int]]
    messages: Population
    within: Within

    @property
    def conversations(self) -> int:
        """How many numbers of conversations there are."""
        return sum(map(len, self.numbers))


@dataclass(frozen=True)
class Drawn:
    """What is compared: targets, in order, and how many; and what they were drawn from."""

    targets: Iterable[Target]
    count: int
    among: Among


def look(connection: Connection, account_id: int, wanted: Wanted) -> Among:
    """Return what there is to draw from."""
    within = Within(account_id, wanted.since, wanted.until)
    return Among(_numbers(connection, within, wanted), samples.count_messages(connection, within), within)


def draw(connection: Connection, among: Among, wanted: Wanted, *, reads_histories: bool) -> Drawn:
    """Draw what is to be compared. The same tables and the same seed give the same."""
    if not wanted.draws:
        return Drawn((Target(one, whole=True) for one in chain(*among.numbers)), among.conversations, among)
    chance = Random(wanted.seed)  # noqa: S311 -- drawn again by whoever has the seed; nothing is kept secret by it
    messages: dict[int, set[int]] = defaultdict(set)
    places = _places(chance, among.messages.whole, wanted.sample)
    for conversation_id, message_id in samples.messages_at(connection, among.within, places) if reads_histories else ():
        messages[conversation_id].add(message_id)
    whole = set(_at(among.numbers, _places(chance, among.conversations, wanted.sample)))
    targets = [Target(one, one in whole, frozenset(messages.get(one, ()))) for one in sorted(whole | messages.keys())]
    return Drawn(targets, len(targets), among)


def _places(chance: Random, among: int, sample: int | None) -> list[int]:
    return sorted(chance.sample(range(among), min(sample or 0, among)))


def _at(spans: Sequence[Sequence[int]], places: Iterable[int]) -> Iterator[int]:
    """Yield the numbers at some places, in order, of spans that follow each other."""
    ends, at = list(accumulate(map(len, spans))), 0
    for place in places:
        while place >= ends[at]:
            at += 1
        yield spans[at][place - ends[at]]


def _numbers(connection: Connection, within: Within, wanted: Wanted) -> list[Sequence[int]]:
    """Return the numbers of conversations that are compared, or drawn from: also those of which nothing is stored."""
    if wanted.conversations:
        return [wanted.conversations]
    if wanted.since or wanted.until:
        return [samples.conversations_within(connection, within)]
    there = ledger_entries.all_there(connection, within.account_id)
    gone = sorted(ledger_entries.known_gone(connection, within.account_id, "")[DELETED])
    # Rows may be lost of the last numbers, too, for which a run has accounted.
    highest = samples.highest_accounted(connection, within.account_id)
    far = distance(len(there) + len(gone))
    return list(find_spans(merge(there.edges(far), [highest] if highest else []), gone, far))
