"""A set of conversation ids that stays small: one bit an id, where Python's own set takes some sixty bytes."""

import re
from collections.abc import Iterable, Iterator, MutableSet

# Ids are a running number from 1. An id far beyond any account's would need all the bits up to it.
HIGHEST_BIT = 2**24
# `re` passes over bytes of no interest at once.
NOT_EMPTY, NOT_FULL = re.compile(rb"[^\x00]"), re.compile(rb"[^\xff]")


class IdSet(MutableSet[int]):
    """A set of whole numbers: small ones are bits, as many as the highest of them, and come in order.

    What is asked of all of them at once is answered by bytes: there may be ten millions.
    """

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
        # Each page has a set of its own, of a few ids that may be far up.
        for found in NOT_EMPTY.finditer(bytes(self._bits)):
            at, byte = found.start(), found[0][0]
            yield from (at << 3 | bit for bit in range(8) if byte & 1 << bit)
        yield from sorted(self._beyond)

    def __reversed__(self) -> Iterator[int]:
        yield from sorted(self._beyond, reverse=True)
        for at in reversed(range(len(self._bits))):
            if byte := self._bits[at]:
                yield from (at << 3 | bit for bit in reversed(range(8)) if byte & 1 << bit)

    def __len__(self) -> int:
        return self._count + len(self._beyond)

    def add(self, value: int) -> None:
        """Add an id; does nothing when it is there."""
        if not 0 <= value < HIGHEST_BIT:
            self._beyond.add(value)
            return
        at, bit = value >> 3, 1 << (value & 7)
        if at >= len(self._bits):
            self._bits.extend(bytes(at + 1 - len(self._bits)))
        if not self._bits[at] & bit:
            self._bits[at] |= bit
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
            if isinstance(ids, IdSet) and not self:
                self._bits, self._beyond, self._count = ids._bits.copy(), ids._beyond.copy(), ids._count
                continue
            for value in ids:
                self.add(value)

    def edges(self, far: int) -> Iterator[int]:
        """Yield ids in order, as few as tell where more than `far` numbers lie between two: both of these, at least.

        Of the others so many that none that comes is farther from the next one than `far`.
        """
        width = far >> 3
        if not width:
            yield from self
            return
        for at in range(0, len(self._bits), width):
            if part := int.from_bytes(self._bits[at : at + width], "little"):
                yield (at << 3) + (part & -part).bit_length() - 1
                yield (at << 3) + part.bit_length() - 1
        yield from sorted(self._beyond)

    def count_within(self, numbers: range) -> int:
        """Return how many ids lie in a range of numbers that follow each other, from 0 on."""
        start, stop = numbers.start, min(numbers.stop, len(self._bits) << 3)
        found = sum(1 for one in self._beyond if one in numbers)
        if start < stop:
            bits = int.from_bytes(self._bits[start >> 3 : (stop + 7) >> 3], "little") >> (start & 7)
            found += (bits & ((1 << (stop - start)) - 1)).bit_count()
        return found

    def lacks(self, numbers: range) -> Iterator[int]:
        """Yield, in order, what is not in the set of a range of numbers that follow each other, from 0 on."""
        start, stop = numbers.start, min(numbers.stop, len(self._bits) << 3)
        for found in NOT_FULL.finditer(bytes(self._bits[start >> 3 : (stop + 7) >> 3])):
            at = ((start >> 3) + found.start()) << 3
            yield from (one for one in range(max(at, start), min(at + 8, stop)) if one not in self)
        yield from (one for one in range(max(start, stop), numbers.stop) if one not in self)
