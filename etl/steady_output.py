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


class _Raw(io.RawIOBase):
    """Writes to a file until that fails, and to nowhere from then on. failed: why it did."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.failed: OSError | None = None

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
    for number in (0, 1, 2):
        _open(number)
    for name, number in (("stdout", 1), ("stderr", 2)):
        before = getattr(sys, name)
        # Closed at the start, there is none; whoever closes the output wants to see nothing.
        encoding = getattr(before, "encoding", None) or "utf-8"
        if before is not None:
            before.flush()
        stream = io.TextIOWrapper(
            io.BufferedWriter(_Raw(number)), encoding, "replace", line_buffering=number != 1 or os.isatty(1)
        )
        setattr(sys, name, stream)


def loss() -> str | None:
    """Write what is still to be written; return why standard output did not get all, None where nobody misses it.

    A reader that went away, as `head` does, has what it wanted.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failed = raw.failed if isinstance(raw, _Raw) else None
    if failed is None or failed.errno == errno.EPIPE:
        return None
    return f"Standard output could not be written: {os.strerror(failed.errno or errno.EIO)}."


def takes_everything(stream: Any) -> bool:
    """Return whether a stream can show any character."""
    return (getattr(stream, "encoding", None) or "").lower().replace("-", "").startswith("utf")


def _open(number: int) -> None:
    """Open a file that this process was started without: the next connection would become it."""
    try:
        os.fstat(number)
    except OSError:
        nowhere = os.open(NOWHERE, os.O_RDWR)
        if nowhere == number:
            os.set_inheritable(number, True)  # psql needs one, too
        else:
            os.dup2(nowhere, number)
            os.close(nowhere)
