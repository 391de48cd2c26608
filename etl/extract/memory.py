"""What the answers under way may take of this machine's memory, all of them together."""

import threading
from typing import Self

from etl.errors import TooLarge, TryAgain

MEGABYTE = 2**20
# A body is in memory three times while it is decoded: as it came, as the parser has it, and as the texts made of it.
TIMES = 3
# What a value becomes besides, in bytes: in the parser, and as an object of Python's.
BYTES_A_VALUE = 100
# Longer than an answer is read: who has the large room leaves it before.
LONGEST_WAIT_FOR_ROOM = 900


class CrowdedError(Exception):
    """An answer is larger than its share, and the room for large ones is taken."""


class Memory:
    """Shares out the memory for answers: a quarter of it in equal shares, the rest to one large answer at a time.

    largest, share: the bytes of a body for which there is room, alone and in any case. Who waits for the large room
    either holds nothing or has all that it needs: so no two answers wait for each other.
    """

    def __init__(self, megabytes: int, threads: int) -> None:
        self.largest = megabytes * MEGABYTE // (TIMES + 1)
        self.share = self.largest // TIMES // threads
        self._large_room = threading.Lock()

    def room(self) -> "Room":
        """Return room for one answer at a time, and for what is made of it, until a block with it ends."""
        return Room(self, self._large_room)


class Room:
    """The room of one answer."""

    def __init__(self, memory: Memory, large_room: threading.Lock) -> None:
        self._memory, self._large_room = memory, large_room
        self._is_large = self._waits = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give the room back."""
        if self._is_large:
            self._large_room.release()
            self._is_large = False

    def take(self, body: bytearray) -> None:
        """Take room for as much of a body as has come.

        Raise TooLarge when there is none for it, CrowdedError when there is none yet: then `wait`, and ask again.
        """
        self._check(len(body))
        if len(body) > self._memory.share and not self._is_large:
            self._is_large = self._large_room.acquire(blocking=False)
            if not self._is_large:
                self._waits = True
                raise CrowdedError

    def take_values(self, body: bytearray) -> None:
        """Take room for what a whole body becomes, when it is necessary for this to wait; raise TooLarge as `take`.

        A comma in a text counts as a value, too: to tell them apart would be to parse it.
        """
        if len(body) * (1 + BYTES_A_VALUE / TIMES) <= self._memory.share:
            return  # nearly every body, for which there is room even if each of its bytes were a value
        values = sum(body.count(sign) for sign in (b",", b"[", b"{"))
        size = len(body) + values * BYTES_A_VALUE // TIMES
        self._check(size)
        self._waits = size > self._memory.share
        self.wait()

    def wait(self) -> None:
        """Wait for the large room, if there was not room enough without it, and hold it from now on.

        Not where CrowdedError is caught: until then its traceback holds what was read.
        """
        if self._waits and not self._is_large:
            self._is_large = self._large_room.acquire(timeout=LONGEST_WAIT_FOR_ROOM)
        if self._waits and not self._is_large:
            raise TryAgain("other answers took all the room of ETL_MEMORY_MB for too long.")

    def _check(self, size: int) -> None:
        if size > self._memory.largest:
            raise TooLarge("the answer is larger than a quarter of ETL_MEMORY_MB, with what is made of it.")
