"""How single messages are asked for: by a window of one id, or before 2.16 by two doors, each of which hides some.

Servers before 2.16 give no more than 20 messages at once, by time (the vendor's section 3): the oldest 20 with at least
an id, or the newest 20 below one. A message is hidden only where both doors hide it.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

AT_ONCE = 20

Times = Mapping[int, float]


@dataclass(frozen=True)
class Door:
    """A way to ask for a message: the query for its id; and, of messages id -> time, those that it does not give."""

    query: Callable[[int], dict[str, int]]
    hides: Callable[[Times], set[int]]


def _hides_none(_: Times) -> set[int]:
    return set()


def _hides_newer(times: Times) -> set[int]:
    """Return the messages before which 20 older ones with higher ids come."""
    return _hidden((message_id, times[message_id]) for message_id in sorted(times, reverse=True))


def _hides_older(times: Times) -> set[int]:
    """Return the messages before which 20 newer ones with lower ids come."""
    return _hidden((message_id, -times[message_id]) for message_id in sorted(times))


def _hidden(in_order: Iterable[tuple[int, float]]) -> set[int]:
    """Return the ids that have a higher value than each of the 20 lowest before them; what ties may be shown."""
    hidden: set[int] = set()
    lowest: list[float] = []
    for message_id, value in in_order:
        if len(lowest) == AT_ONCE and lowest[-1] < value:
            hidden.add(message_id)
        insort(lowest, value)
        del lowest[AT_ONCE:]
    return hidden


WINDOW = (Door(lambda message_id: {"after": message_id, "before": message_id + 1}, _hides_none),)
# The value of `after` is ignored there.
BEFORE_2_16 = (
    Door(lambda message_id: {"after": 1, "before": message_id}, _hides_newer),
    Door(lambda message_id: {"before": message_id + 1}, _hides_older),
)
