"""What comparing with the tables has come to: what is equal, what differs, and of what nothing is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from etl.load.differing import MISSING, RECORD, THERE, Differing
from etl.load.ledger_entries import FORBIDDEN
from etl.load.samples import Holding
from etl.run.comparison import Compared, Wrong
from etl.run.fresh import has_moved

# Of more differences, and more reasons why something could not be read, only the number is kept.
MOST_KEPT = 1_000


@dataclass
class Counted:
    """How many were drawn, how many of these compared, and how many differ.

    changed: how many had changed since they were read, as the vendor's clocks tell, so that they say nothing.
    untold: of how many texts nothing is stored by which these can be compared.
    """

    drawn: int = 0
    compared: int = 0
    differing: int = 0
    changed: int = 0
    untold: int = 0

    def add(self, drawn: int, compared: int = 0, differing: int = 0, changed: int = 0) -> None:
        """Count some more."""
        self.drawn += drawn
        self.compared += compared
        self.differing += differing
        self.changed += changed


@dataclass
class Findings:
    """What comparing has come to so far.

    draws: whether messages were drawn: then only these are counted, else all of the conversations that are compared.
    read_at: when the last complete run began; None: there was none.
    fields: how many were compared.
    answered: of which the vendor said that they are there, or that they are not.
    unproved: conversations that are equal as far as they were compared, and of which the server cannot show that it has
    no more messages than the tables.
    to_repair: conversations that differ -> how many rows of them count as differing. unread: of which something could
    not be read. differences: in what, while there are few. number: in how many places.
    failures: why something could not be read, while there are few.
    """

    draws: bool
    read_at: datetime | None = None
    conversations: Counted = field(default_factory=Counted)
    messages: Counted = field(default_factory=Counted)
    fields: int = 0
    unproved: int = 0
    answered: int = 0
    number: int = 0
    to_repair: dict[int, int] = field(default_factory=dict)
    unread: set[int] = field(default_factory=set)
    differences: list[Differing] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def take(self, one: Compared, held: Holding, wrong: Wrong) -> None:
        """Count a conversation that was read again; wrong: in what it and its messages differ."""
        number, before = one.target.conversation_id, self._differing
        self.answered += one.fresh.payload is not None or one.fresh.is_gone
        if one.fresh.payload is None:
            self._take_absent(one, held)
        elif one.fresh.failure:
            self._give_up(one, held, one.fresh.failure)
        elif one.row is None:
            self._give_up(one, held, f"Conversation {number}: what the server sends of it cannot be stored.")
        elif has_moved(one.row, held.clocks.get(number, (None, None)), self.read_at):
            self._count(one, held, changed=True)
        else:
            self._settle(one, held, wrong)
        if number in self.to_repair:
            self.to_repair[number] = self._differing - before

    @property
    def unreadable(self) -> int:
        """How many conversations there are of which something could not be read, and is not known."""
        return len(self.unread)

    @property
    def _differing(self) -> int:
        return self.conversations.differing + self.messages.differing

    def remarks(self) -> list[str]:
        """Return what else is to be said: of how many texts nothing is known."""
        if not (untold := self.messages.untold):
            return []
        return [
            f"The texts of {untold:,} messages were not compared: no digest of them is stored that was made with the"
            " key of now (ETL_PII)."
        ]

    def _take_absent(self, one: Compared, held: Holding) -> None:
        """Count a conversation that the vendor does not have, or does not show."""
        number, fresh = one.target.conversation_id, one.fresh
        if fresh.is_gone and number in held.clocks:
            gone = Differing("conversations", number, RECORD, THERE, MISSING)
            self._note([gone], number)
            drawn = self._drawn(one, held)
            self.conversations.add(int(one.target.whole), int(one.target.whole), int(one.target.whole))
            self.messages.add(len(drawn), len(drawn), len(drawn))
        elif fresh.is_gone or (fresh.refused and held.states.get(number) == FORBIDDEN):
            self.conversations.add(1, 1)
        else:
            self._give_up(one, held, fresh.failure)

    def _settle(self, one: Compared, held: Holding, wrong: Wrong) -> None:
        unstorable = one.unstorable if one.target.whole else one.unstorable & one.target.messages
        unknown = one.fresh.unknown | unstorable
        drawn = self._drawn(one, held)
        known = drawn - unknown
        self.messages.add(len(drawn), len(known), len(known & wrong.keys()))
        if one.target.whole:
            is_known = bool(wrong) or (one.fresh.is_whole and not unknown)
            self.conversations.add(1, int(is_known), int(bool(wrong)))
            self.unproved += not wrong and not one.fresh.is_whole
        self.fields += one.count_fields()
        if unknown:
            number = one.target.conversation_id
            self._fail(number, f"Conversation {number}: {len(unknown)} messages could not be read again.")
        if wrong:
            self._note([told for each in wrong.values() for told in each], one.target.conversation_id)

    def _count(self, one: Compared, held: Holding, *, changed: bool) -> None:
        """Count what was drawn, and could not be compared."""
        drawn = len(self._drawn(one, held))
        self.conversations.add(int(one.target.whole), changed=int(changed and one.target.whole))
        self.messages.add(drawn, changed=drawn if changed else 0)

    def _give_up(self, one: Compared, held: Holding, said: str) -> None:
        self._count(one, held, changed=False)
        self._fail(one.target.conversation_id, said)

    def _fail(self, conversation_id: int, said: str) -> None:
        self.unread.add(conversation_id)
        self.failures += [said] if len(self.failures) < MOST_KEPT else []

    def _note(self, found: Sequence[Differing], conversation_id: int) -> None:
        self.number += len(found)
        self.differences += found[: MOST_KEPT - len(self.differences)]
        self.to_repair[conversation_id] = 0

    def _drawn(self, one: Compared, held: Holding) -> set[int]:
        """Return the ids of the messages that count: those that were drawn, or all that either side has."""
        if self.draws:
            return set(one.target.messages)
        return one.target.expected(held) | {row["id"] for row in one.records["messages"]}
