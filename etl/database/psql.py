"""How psql begins: names mean the tables' own, whatever others have made, and then as the user's ~/.psqlrc has it."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from etl.database import embedded
from etl.database.base import SCHEMA

# By a file that psql reads at first, as connection poolers refuse settings among the options of a connection
# (PGOPTIONS). It must not say `SET`, which scripts would take for a row, whether or not psql was to be quiet.
BEGINNING = rf"""
\set etl_quiet :QUIET
\set QUIET on
SET search_path = {SCHEMA}, pg_temp;
\set QUIET :etl_quiet
\unset etl_quiet
"""

# psql's short options that take a value: what follows one is not options any more.
TAKE_A_VALUE = "cdfFhLopPRTUv"
NO_FILE = "--no-psqlrc"


@contextmanager
def begun(arguments: Sequence[str]) -> Iterator[tuple[list[str], dict[str, str]]]:
    """Yield what to call psql with so that it begins so: the arguments, and variables for its environment.

    -X keeps the user's own file out, not this.
    """
    kept, has_own = without_no_psqlrc(arguments)
    with tempfile.NamedTemporaryFile("w", prefix="etl-psqlrc-", encoding="utf-8") as file:
        file.write(BEGINNING)
        if has_own and (own := _own_file()):
            quoted = str(own).replace("\\", r"\\").replace("'", r"\'")
            file.write(f"\\i '{quoted}'\n")
        file.flush()
        yield kept, {"PSQLRC": file.name}


def without_no_psqlrc(arguments: Sequence[str]) -> tuple[list[str], bool]:
    """Return the arguments without -X, in whatever way it is written, and whether it was not among them."""
    kept: list[str] = []
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            kept += [argument, *rest]
        elif argument.startswith("--"):
            # An option may be written as its beginning, as long as no other begins so, as --no-password does.
            kept += [] if argument.startswith("--no-ps") and NO_FILE.startswith(argument) else [argument]
        elif argument.startswith("-"):
            flags, value = _flags(argument[1:])
            left = flags.replace("X", "") + value
            kept += [f"-{left}"] if left or not flags else []
            if flags and flags[-1] in TAKE_A_VALUE and not value:
                kept += islice(rest, 1)
        else:
            kept.append(argument)
    return kept, kept == list(arguments)


def _flags(options: str) -> tuple[str, str]:
    """Split short options into flags, up to one that takes a value, and that value."""
    at = next((place for place, flag in enumerate(options, 1) if flag in TAKE_A_VALUE), len(options))
    return options[:at], options[at:]


def _own_file() -> Path | None:
    """Return the file that psql would read: for its version, or for all."""
    own = Path(os.environ.get("PSQLRC") or "~/.psqlrc").expanduser().absolute()
    files = (own.with_name(f"{own.name}-{embedded.major_version()}"), own)
    return next((file for file in files if os.access(file, os.R_OK)), None)
