"""Standard output and error that no failure to write breaks off: what cannot be shown is `?`, what is lost is told.

A run goes on when its log or its summary cannot be written: whoever reads them may be gone, a disk may be full.
"""

import errno
import io
import os
import sys
from typing import Any

# What opens the files 0, 1 and 2 of a process that was started without them.
NOWHERE = os.devnull


# It was closed before the program began, or its reader went away: whoever did so has what they want.
NOT_WANTED = {errno.EBADF: "it is closed", errno.EPIPE: "its reader went away"}


class _Raw(io.RawIOBase):
    """Writes to a file until that fails, and to nowhere from then on. failed: why it did. is_excused: it was told."""

    def __init__(self, number: int, failed: OSError | None = None) -> None:
        self._number = number
        self.failed = failed
        self.is_excused = False

    def fileno(self) -> int:
        return self._number

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return self.failed is None and os.isatty(self._number)

    def write(self, piece: Any) -> int:
        if self.failed is None:
            try:
                return os.write(self._number, piece)
            except OSError as error:
                self.failed = error
        return len(memoryview(piece).cast("B"))


def begin() -> None:
    """Have this process write so from here on."""
    closed = {number for number in (0, 1, 2) if _open(number)}
    for name, number in (("stdout", 1), ("stderr", 2)):
        before = getattr(sys, name)
        # Closed at the start, there is none; whoever closes the output wants to see nothing.
        encoding = getattr(before, "encoding", None) or "utf-8"
        if before is not None:
            before.flush()
        raw = _Raw(number, OSError(errno.EBADF, os.strerror(errno.EBADF)) if number in closed else None)
        line_buffering = number != 1 or os.isatty(1)
        setattr(sys, name, io.TextIOWrapper(io.BufferedWriter(raw), encoding, "replace", line_buffering=line_buffering))


def loss() -> str | None:
    """Write what is still to be written; return why standard output did not get all, None where nobody misses it.

    A reader that went away, as `head` does, has what it wanted.
    """
    raw = _flushed()
    if raw is None or raw.failed is None or raw.failed.errno in NOT_WANTED or raw.is_excused:
        return None
    return f"Standard output could not be written: {_reason(raw.failed)}."


def excused_loss() -> str | None:
    """Return once why standard output did not get all so far, whoever misses it; it is then no loss any more.

    For what is written elsewhere, too, such as how a run ended.
    """
    raw = _flushed()
    if raw is None or raw.failed is None or raw.is_excused:
        return None
    raw.is_excused = True
    return _reason(raw.failed)


def _flushed() -> _Raw | None:
    """Write what is still to be written; return what standard output writes to, None where that is not ours."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return raw if isinstance(raw, _Raw) else None


def _reason(failed: OSError) -> str:
    number = failed.errno or errno.EIO
    return NOT_WANTED.get(number) or os.strerror(number)


def takes_everything(stream: Any) -> bool:
    """Return whether a stream can show any character."""
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def _open(number: int) -> bool:
    """Open a file that this process was started without, as the next connection would become it; return if it was."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(NOWHERE, os.O_RDWR)
        if nowhere == number:
            os.set_inheritable(number, True)  # psql needs one, too
        else:
            os.dup2(nowhere, number)
            os.close(nowhere)
        return True
    return False
