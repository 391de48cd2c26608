"""Sets conversations aside whose number is far from all others: the vendor confirms them, or they do not count.

One wrong number would make all those below it ids of which nothing is known. So what a page shows far from the rest is
taken in only when other pages show what lies near it, or when the vendor shows it by itself.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import Any

from etl.database.engine import question, transaction
from etl.errors import BadValue, NotFound, VendorError
from etl.extract.belonging import can_be_asked, get_conversation
from etl.extract.ids import id_of
from etl.load import conversations, rejected
from etl.run.intake import Intake
from etl.run.spans import Landmarks, distance
from etl.transform.batch import Batch

# So many on one page that are near each other are no mistake.
MATES = 5
# How many wait in memory at most before they are asked for.
MOST_WAITING = 1_000
MOST_TOLD = 10
DENIED = "is far from all others, and the vendor does not show the conversation when asked for it"


@dataclass
class FarIds:
    """What the pages of a run, or of a part of one, show far from all others: it waits until they are read."""

    intake: Intake
    _landmarks: Landmarks = field(default_factory=Landmarks)
    _waiting: dict[int, Any] = field(default_factory=dict)

    def sift(self, payloads: Iterable[Any]) -> list[Any]:
        """Return those payloads of a page that may be taken in now; the others wait.

        What has no number can be rejected at once.
        """
        numbered = [(id_of(payload), payload) for payload in payloads]
        there = sorted(number for number, _ in numbered if number is not None)
        far, kept = self._far(), []
        for number, payload in numbered:
            if number is None or self._is_known(number, far) or _mates(there, number, far) >= MATES:
                kept.append(payload)
                if number is not None:
                    self._landmarks.add(number)
                    self._waiting.pop(number, None)  # what is known of it is newer now
            else:
                self._waiting[number] = payload
        return kept if len(self._waiting) < MOST_WAITING else [*self.settle(), *kept]

    def settle(self) -> list[Any]:
        """Return the payloads that waited and may be taken in; those that the vendor denies are rejected."""
        taken, denied = [], {}
        for number, payload in sorted(self._waiting.items()):
            found = payload if self._is_known(number, self._far()) else self._ask(number, payload)
            if found is None:
                denied[number] = payload
            else:
                taken.append(found)
                self._landmarks.add(number)
        self._waiting.clear()
        self._reject(denied)
        return taken

    @cached_property
    def _stored(self) -> int:
        """How many conversations the tables had when the first page was read."""
        with transaction(self.intake.engine) as connection:
            return conversations.count(connection, self.intake.run.account_id)

    def _far(self) -> int:
        return distance(self._stored + len(self.intake.run.tally.seen))

    def _is_known(self, number: int, far: int) -> bool:
        """Return whether a number is near one that a page has shown, or that the tables have."""
        if self._landmarks.is_near(number, far):
            return True
        with question(self.intake.engine) as connection:
            return conversations.is_near_others(connection, self.intake.run.account_id, number, far)

    def _ask(self, number: int, payload: Any) -> Any:
        """Return the conversation as the vendor shows it by itself; None when it does not.

        Where it shows none by itself, the page is believed.
        """
        client = self.intake.histories.client
        try:
            found = get_conversation(client, number)
        except NotFound:
            return None if can_be_asked(client, self.intake.run.tally.seen) else payload
        except VendorError:
            return None
        return found if id_of(found) == number else None

    def _reject(self, denied: dict[int, Any]) -> None:
        """Reject conversations; those that are waiting in rejected_records already are only named."""
        if not denied:
            return
        run = self.intake.run
        with transaction(self.intake.engine) as connection:
            said_before = rejected.waiting_since_before(connection, run, "conversation", denied)
        run.tally.denied.update(said_before)
        batch = Batch(run.account_id)
        for number in denied.keys() - said_before:
            batch.reject("conversation", denied[number], BadValue(DENIED, str(number), "id"), number)
        self.intake.writer.save(batch)


def _mates(there: list[int], number: int, far: int) -> int:
    return sum(1 for one in there if abs(one - number) <= far)


def said_of_denied(denied: Collection[int]) -> str:
    """Say that pages go on showing what the vendor denies."""
    return f"The pages show {_named(denied)}, which the vendor does not show by itself: see rejected_records."


def said_of_jumps(jumps: Iterable[range], asked: int) -> Iterator[str]:
    """Say which numbers were not asked for, but so many at the beginning of each jump."""
    for jump in jumps:
        yield (
            f"The numbers of conversations jump: of the {len(jump):,} from {jump[0]:,} to {jump[-1]:,} only the first"
            f" {asked} were asked for, as no page shows any of them."
        )


def said_of_strays(gone: Collection[int]) -> list[str]:
    """Say what was far from all others and is gone."""
    if not gone:
        return []
    options = " ".join(f"--conversation {one}" for one in islice(sorted(gone), MOST_TOLD))
    return [
        f"Far from all others and no longer there: {_named(gone)}. It does not count. If it never was of this account:"
        f" `etl forget {options}` removes it."
    ]


def _named(numbers: Collection[int]) -> str:
    named = ", ".join(map(str, islice(sorted(numbers), MOST_TOLD)))
    return f"conversation {named}{' ...' if len(numbers) > MOST_TOLD else ''}"
