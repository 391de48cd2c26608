"""The account that the bench's server shows: as many conversations as wanted, the same ones every time.

Shapes and sizes are those of the exchanges recorded on Chatwoot 4.7. Everything is a function of the conversation's
number, so that 1,000 conversations and 100,000 are alike: growth is then measured, and not chance.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp, log
from statistics import NormalDist

import orjson

from benchmarks import payloads
from benchmarks.payloads import BEGUN, Json

MINUTE, DAY = 60, 86_400
SPAN = 2 * 365 * DAY
CHANGED = 1_748_736_000  # 2025-06-01: when the first generation changes, and one day later each
EVERY = 20  # a generation changes one of so many conversations
# Of 50 conversations 30 are resolved, 15 open, 3 pending, 2 snoozed, spread evenly over the numbers.
STATUSES = ("open", "resolved", "pending", "snoozed")
STATUS_OF = sorted(30 * ["resolved"] + 15 * ["open"] + 3 * ["pending"] + 2 * ["snoozed"])
STATUS_OF = [STATUS_OF[n * 7 % 50] for n in range(50)]


def _lengths() -> list[int]:
    """Return the number of messages of a thousand conversations: 10.6 on average, the longest of some 140."""
    sigma = 0.82
    middle = log(10.6) - sigma * sigma / 2
    lengths = [max(1, round(exp(middle + sigma * NormalDist().inv_cdf((n + 0.5) / 1000)))) for n in range(1000)]
    return [lengths[n * 617 % 1000] for n in range(1000)]


LENGTHS = _lengths()
OFFSETS = [sum(LENGTHS[:n]) for n in range(1001)]
# Of every thousand conversations this one may be long, and so more than one answer.
LONG = 500


def lengthen(messages: int) -> None:
    """Give one of every thousand conversations that many messages more."""
    LENGTHS[LONG] += messages
    OFFSETS[LONG + 1 :] = [offset + messages for offset in OFFSETS[LONG + 1 :]]


def dumps(value: object) -> bytes:
    """Serialise once, so that answering costs nothing but joining bytes."""
    return orjson.dumps(value)


def length(number: int) -> int:
    """Return how many messages a conversation has before any generation adds one."""
    return LENGTHS[number % 1000]


def first_message(number: int) -> int:
    """Return the id of a conversation's first message; the ids of a conversation follow each other."""
    return 1 + number // 1000 * OFFSETS[-1] + OFFSETS[number % 1000]


def status(number: int) -> str:
    """Return the status of a conversation: 60 % are resolved, 30 % open, 6 % pending, 4 % snoozed."""
    return STATUS_OF[number % 50]


def generations(number: int, generation: int) -> list[int]:
    """Return the generations up to this one that changed a conversation."""
    return [one for one in range(1, generation + 1) if one % EVERY == number % EVERY]


def created_at(number: int, total: int) -> int:
    """Return when a conversation began, in seconds: two years, evenly filled, in order of the numbers."""
    return BEGUN + SPAN * number // (total + 1)


@dataclass(frozen=True)
class Conversation:
    """One conversation as bytes: `listed` is its element of a page, `messages` are those of its history, oldest first.

    ids: the ids of the messages. active_at: last activity, in seconds. attachments: how many its messages have.
    """

    number: int
    status: str
    active_at: int
    listed: bytes
    ids: list[int]
    messages: list[bytes]
    attachments: int


@dataclass
class Account:
    """The whole account, serialised; `generation` says how often 5 % of it changed."""

    total: int
    generation: int = 0
    conversations: list[Conversation] = field(default_factory=list)
    walks: dict[str, list[Conversation]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.conversations = [self._conversation(number) for number in range(1, self.total + 1)]
        self._sort()

    def move_to(self, generation: int) -> None:
        """Change what differs between the generation that is shown and another."""
        before, self.generation = self.generation, generation
        for number in range(1, self.total + 1):
            if generations(number, before) != generations(number, generation):
                self.conversations[number - 1] = self._conversation(number)
        self._sort()

    def truth(self) -> Json:
        """Return what the tables must hold, and how many pages with conversations each status has."""
        return {
            "conversations": self.total,
            "messages": sum(len(one.messages) for one in self.conversations),
            "attachments": sum(one.attachments for one in self.conversations),
            "contacts": len({self._contact_of(one.number) for one in self.conversations}),
            "counts": {status: len(walk) for status, walk in self.walks.items()},
        }

    def _sort(self) -> None:
        newest_first = sorted(self.conversations, key=lambda one: (-one.active_at, one.number))
        self.walks = {status: [one for one in newest_first if one.status == status] for status in STATUSES}

    def _contact_of(self, number: int) -> int:
        return number * 7 % max(1, self.total * 3 // 5) + 1

    def _conversation(self, number: int) -> Conversation:
        contact, added = self._contact_of(number), generations(number, self.generation)
        begun, count = created_at(number, self.total), length(number)
        first = first_message(number)
        top = first_message(self.total + 1)
        ids = [*range(first, first + count), *(top + (one - 1) * self.total + number for one in added)]
        times = [begun + n * 7 * MINUTE for n in range(count)] + [CHANGED + one * DAY + number % DAY for one in added]
        sent = [payloads.message(number, contact, message, at) for message, at in zip(ids, times, strict=True)]
        return Conversation(
            number,
            status(number),
            times[-1],
            dumps(payloads.listed(number, status(number), contact, sent)),
            ids,
            [dumps(one) for one in sent],
            sum("attachments" in one for one in sent),
        )


def pages(counts: dict[str, int], size: int = 25) -> Iterator[tuple[str, int]]:
    """Yield the pages that end a walk of every status: those with conversations, and the empty one."""
    for name, count in counts.items():
        for number in range(1, -(-count // size) + 2):
            yield name, number
