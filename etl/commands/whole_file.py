"""A file that is there whole or not at all: written under another name beside it, and renamed at the end."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from etl.errors import EtlError, Interrupted, SettingsError

STANDARD_OUTPUT = "-"


@contextmanager
def written(target: str, mode: int) -> Iterator[IO[bytes]]:
    """Yield what to write to; at the end it is the target, with this mode, unless anything was raised meanwhile.

    target: a path, or `-` for standard output. Raise SettingsError where no file can be made there, EtlError where what
    is written finds no room or no reader, and Interrupted where somebody asked to stop.
    """
    opened = _standard_output() if target == STANDARD_OUTPUT else _beside(Path(target), mode)
    what = "standard output" if target == STANDARD_OUTPUT else target
    try:
        with opened as file:
            yield file
    except BrokenPipeError as error:
        raise EtlError("Whoever read what was exported went away before its end.") from error
    except OSError as error:
        left = (
            "What it got is not whole"
            if target == STANDARD_OUTPUT
            else "The file is as it was before, if there was one"
        )
        raise EtlError(f"{what} could not be written: {error.strerror}. {left}.") from error
    except KeyboardInterrupt as error:
        left = "what it got is not whole" if target == STANDARD_OUTPUT else "it is as it was before, if it was there"
        raise Interrupted(f"Stopped on request before {what} was written: {left}.") from error


@contextmanager
def _standard_output() -> Iterator[IO[bytes]]:
    """Yield standard output as it is: the one of `steady_output` goes on where nobody reads, and this shall not."""
    sys.stdout.flush()
    file = os.fdopen(os.dup(1), "wb")
    try:
        yield file
        file.flush()
    finally:
        with suppress(OSError):  # what it could not write before, it cannot write now
            file.close()


@contextmanager
def _beside(target: Path, mode: int) -> Iterator[IO[bytes]]:
    named, target = target, target.resolve()  # what a link leads to is written, and the link stays
    if target.exists() and not target.is_file():
        raise SettingsError(f"--to {named} is no file.")
    try:
        number, beside = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    except OSError as error:
        raise SettingsError(f"--to {named}: nothing can be written in that folder: {error.strerror}.") from error
    try:
        with os.fdopen(number, "wb") as file:
            yield file
            file.flush()
            os.fsync(number)
        Path(beside).chmod(mode)
        Path(beside).replace(target)
    finally:
        with suppress(FileNotFoundError):
            Path(beside).unlink()
