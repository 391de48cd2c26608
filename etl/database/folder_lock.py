"""Locks on files beside the embedded PostgreSQL's data: the kernel's own, which go with their holder however it ends.

They lie where the data lie, and not in a temporary folder: that is shared by users who must not wait for each other,
and not shared by a service and a command by hand, which must.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from etl.errors import DatabaseError

# A server that recovers from a crash may take a minute to start, and whoever starts it holds the lock meanwhile.
LONGEST_WAIT = 90.0
SECONDS_IN_SILENCE = 5.0
SECONDS_BETWEEN_TRIES = 0.05
# Who holds the lock, in its file.
LONGEST_NOTE = 100

log = logging.getLogger(__name__)


@contextmanager
def holding(file: Path) -> Iterator[None]:
    """Hold the lock of a file, for which one process at a time starts or stops the server.

    Raise DatabaseError that names the holder when it is not to be had in LONGEST_WAIT seconds.
    """
    descriptor = _open(file)
    try:
        _wait_for(descriptor, file)
        _note(descriptor, f"{os.getpid()} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC")
        try:
            yield
        finally:
            _note(descriptor, "")
    finally:
        os.close(descriptor)


def share(file: Path) -> int:
    """Take a share of a file's lock, which this process has until its end; return what `is_last` takes."""
    descriptor = _open(file)
    fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return descriptor


def is_last(share: int) -> bool:
    """Give a share back, and return whether nobody else has one: to be asked while the server's lock is held."""
    try:
        fcntl.flock(share, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(share)
    return True


def _open(file: Path) -> int:
    """Open a lock's file; a new one belongs to whom its folder belongs, as root may be the first to come."""
    flags = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(file, flags | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return os.open(file, flags)
    if os.geteuid() == 0:
        owner = file.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _wait_for(descriptor: int, file: Path) -> None:
    begun, is_told = time.monotonic(), False
    while True:
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        waited = time.monotonic() - begun
        if waited > LONGEST_WAIT:
            raise DatabaseError(
                f"The embedded PostgreSQL was not reached: {_holder(descriptor)} starts or stops it, and was not done"
                f" in {LONGEST_WAIT:.0f} seconds (lock {file}). Nothing was done. Wait for it or end it, and run again:"
                " the lock goes with its holder, there is no file to remove."
            )
        if waited > SECONDS_IN_SILENCE and not is_told:
            log.warning("Waits: %s starts or stops the embedded PostgreSQL.", _holder(descriptor))
            is_told = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def _holder(descriptor: int) -> str:
    number, _, since = os.pread(descriptor, LONGEST_NOTE, 0).decode(errors="replace").partition(" ")
    return f"process {number}, since {since}," if since else "another process"


def _note(descriptor: int, said: str) -> None:
    with suppress(OSError):  # a full disk takes no note: the lock itself holds
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, said.encode(), 0)
