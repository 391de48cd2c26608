"""Faults of this program: one line for people, and where it happened in a file, without anything of anybody's data.

Neither holds what an exception says: libraries quote rows, addresses and passwords. The file has kinds and places.
"""

import os
import platform
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

FOLDER = "faults"
MOST_FILES = 20
# Of one chain of causes, and of one traceback: a recursion without end has thousands of places.
MOST_CAUSES, MOST_PLACES = 10, 60
HOW_TO_REPORT = "Please report it to whoever maintains etl, with that file: it holds no data and no secrets."
# Files of a package lie below one of these; what comes before is this machine's own.
ROOTS = ("site-packages", "dist-packages")
OURS = "etl"
# Where systems have the home of those who have none.
NO_HOME = Path("/nonexistent/etl")

_home: list[Path] = []
_writing = threading.Lock()


def keep_under(home: Path) -> None:
    """Keep files under this folder from here on: ETL_HOME, as soon as the settings are read."""
    _home[:] = [home]


def report(error: BaseException) -> str:
    """Write down where a fault happened, and return the line to say of it; never raise."""
    what = f"A fault of this program ({_kind(error)})."
    try:
        what = f"A fault of this program ({_kind(error)} at {_place(error)})."
        with _writing:
            file = _write(_details(error))
    except Exception as failed:  # noqa: BLE001 -- a fault is told even where nothing can be written
        why = os.strerror(failed.errno) if isinstance(failed, OSError) and failed.errno else _kind(failed)
        return f"{what} Its details could not be written under ETL_HOME ({why}). Please report it with this line."
    return f"{what} Its details are in {file}. {HOW_TO_REPORT}"


def _write(text: str) -> Path:
    folder = (_home[0] if _home else default_home()).expanduser() / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    begun = f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}-{os.getpid()}"
    for number in range(MOST_FILES * 50):
        file = folder / f"{begun}{f'-{number}' if number else ''}.txt"
        try:
            opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(opened, "w", encoding="utf-8", errors="backslashreplace") as out:
            out.write(text)
        break
    for old in sorted(folder.glob("*.txt"), key=lambda one: one.stat().st_mtime_ns)[:-MOST_FILES]:
        old.unlink(missing_ok=True)
    return file


def default_home() -> Path:
    """Return ETL_HOME as the environment has it, or else the user's data folder.

    For a user without one, a number that the system does not know and no HOME, it is a folder that nobody can make.
    """
    if given := os.environ.get("ETL_HOME"):
        return Path(given)
    import platformdirs

    try:
        return platformdirs.user_data_path("etl")
    except RuntimeError:
        return NO_HOME


def _details(error: BaseException) -> str:
    lines = [
        f"time     {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC",
        f"etl      {_version()}",
        f"Python   {platform.python_version()} on {platform.system()} {platform.machine()}",
        f"thread   {threading.current_thread().name}",
        "",
        "What exceptions say is left out: it may quote data. The last one is the fault, those before it led to it.",
    ]
    for one in reversed(list(_chain(error))):
        places = traceback.extract_tb(one.__traceback__)
        left_out = len(places) - MOST_PLACES
        shown = [_where(place) for place in places]
        if left_out > 0:
            half = MOST_PLACES // 2
            shown = [*shown[:half], f"... {left_out} more ...", *shown[-half:]]
        lines += ["", f"{_kind(one)}{_harmless(one)}", *(f"  {place}" for place in shown)]
        lines += [f"  and {_kind(inner)}, {_place(inner)}" for inner in getattr(one, "exceptions", ())]
    return "\n".join([*lines, ""])


def _chain(error: BaseException) -> Iterator[BaseException]:
    one: BaseException | None = error
    for _ in range(MOST_CAUSES):
        if one is None:
            return
        yield one
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)


def _harmless(error: BaseException) -> str:
    """Return what an exception tells beyond its kind that is a number or a name out of a program, and nobody's data."""
    if isinstance(error, OSError) and isinstance(error.errno, int):
        return f": {os.strerror(error.errno)}"
    if isinstance(error, ImportError | NameError | AttributeError) and isinstance(error.name, str):
        return f": {error.name}"
    state = getattr(error, "sqlstate", None)
    return f": SQLSTATE {state}" if isinstance(state, str) else ""


def _kind(error: BaseException) -> str:
    kind = type(error)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _place(error: BaseException) -> str:
    """Return where in our own code an exception came up, else where at all."""
    places = traceback.extract_tb(error.__traceback__)
    ours = [place for place in places if _short(place.filename).startswith(f"{OURS}/")]
    found = ours or places
    return _where(found[-1]) if found else "no place that is known"


def _where(place: traceback.FrameSummary) -> str:
    return f"{_short(place.filename)}:{place.lineno} in {place.name}"


def _short(file: str) -> str:
    """Return a file's path from its package on: folders above it may be named after people."""
    parts = Path(file).parts
    for root in ROOTS:
        if root in parts:
            return "/".join(parts[len(parts) - parts[::-1].index(root) :])
    below = Path(__file__).parent.parent
    inside = Path(file).is_relative_to(below)
    return Path(file).relative_to(below).as_posix() if inside else "/".join(parts[-2:])


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("etl-99digital")
    except PackageNotFoundError:
        return "not installed"
