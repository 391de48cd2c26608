"""A set of conversation ids that stays small: one bit an id, where Python's own set takes some sixty bytes."""

import re
from collections.abc import Iterable, Iterator, MutableSet

# Ids are a running number from 1. An id far beyond any account's would need all the bits up to it.
HIGHEST_BIT = 2**24
NOT_EMPTY = re.compile(rb"[^\x00]")


class IdSet(MutableSet[int]):
    """A set of whole numbers: small ones are bits, as many as the highest of them, and come in order."""

    def __init__(self, ids: Iterable[int] = ()) -> None:
        self._bits = bytearray()
        self._beyond: set[int] = set()
        self._count = 0
        self.update(ids)

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int) or not 0 <= value < HIGHEST_BIT:
            return value in self._beyond
        return value >> 3 < len(self._bits) and bool(self._bits[value >> 3] & 1 << (value & 7))

    def __iter__(self) -> Iterator[int]:
        # Each page has a set of its own, of a few ids that may be far up: `re` passes over empty bytes at once.
        for found in NOT_EMPTY.finditer(bytes(self._bits)):
            at, byte = found.start(), found[0][0]
            yield from (at << 3 | bit for bit in range(8) if byte & 1 << bit)
        yield from sorted(self._beyond)

    def __len__(self) -> int:
        return self._count + len(self._beyond)

    def add(self, value: int) -> None:
        """Add an id; does nothing when it is there."""
        if not 0 <= value < HIGHEST_BIT:
            self._beyond.add(value)
        elif value not in self:
            self._bits.extend(bytes(max(0, (value >> 3) + 1 - len(self._bits))))
            self._bits[value >> 3] |= 1 << (value & 7)
            self._count += 1

    def discard(self, value: int) -> None:
        """Remove an id; does nothing when it is not there."""
        if value in self._beyond:
            self._beyond.remove(value)
        elif value in self:
            self._bits[value >> 3] ^= 1 << (value & 7)
            self._count -= 1

    def update(self, *several: Iterable[int]) -> None:
        """Add the ids of several iterables."""
        for ids in several:
            for value in ids:
                self.add(value)
