"""What the answers under way may take of this machine's memory, all of them together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from etl.errors import TooLarge, TryAgain

MEGABYTE = 2**20
# Longer than an answer is read: who has the large room leaves it before.
LONGEST_WAIT_FOR_ROOM = 900


class CrowdedError(Exception):
    """An answer is larger than its share, and the room for large ones is taken."""


class Memory:
    """Shares out the memory for answers: half of it in equal shares, half of it to one large answer at a time.

    Who waits for the large room holds nothing meanwhile: so no two answers wait for each other.
    """

    def __init__(self, megabytes: int, threads: int) -> None:
        self.largest = megabytes * MEGABYTE // 2
        self.share = self.largest // threads
        self._large_room = threading.Lock()

    @contextmanager
    def room(self) -> Iterator["Room"]:
        """Yield room for one answer at a time, and for what is made of it, until the block ends."""
        room = Room(self, self._large_room)
        try:
            yield room
        finally:
            room.leave()


class Room:
    """The room of one answer."""

    def __init__(self, memory: Memory, large_room: threading.Lock) -> None:
        self._memory, self._large_room = memory, large_room
        self._is_large = False

    def take(self, body: bytearray) -> None:
        """Take room for a body; raise TooLarge when there is none for it, CrowdedError when there is none yet."""
        if len(body) > self._memory.largest:
            megabytes = self._memory.largest // MEGABYTE
            raise TooLarge(f"the answer is larger than {megabytes} MB, half of ETL_MEMORY_MB.")
        if len(body) > self._memory.share and not self._is_large:
            self._is_large = self._large_room.acquire(blocking=False)
            if not self._is_large:
                raise CrowdedError

    def wait(self) -> None:
        """Wait for the large room, and hold it from now on."""
        self._is_large = self._is_large or self._large_room.acquire(timeout=LONGEST_WAIT_FOR_ROOM)
        if not self._is_large:
            raise TryAgain("other answers took all the room of ETL_MEMORY_MB for too long.")

    def leave(self) -> None:
        """Give the room back."""
        if self._is_large:
            self._large_room.release()
            self._is_large = False
