"""The command line as a process: run to its end, or started and ended by whoever tests its end."""

import atexit
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO

import coverage

from tests.held_vendor import Trap
from tests.waits import LONGEST, slowness

ROOT = Path(__file__).parents[1]
ETL = str(Path(sys.executable).parent / "etl")
READY = str(Path(__file__).with_name("fork_server.py"))

TOKEN = "a-token-of-twenty-letters"
# Whoever stops a job expects it to be gone by then.
SECONDS_TO_EXIT = 10

RunEtl = Callable[..., subprocess.CompletedProcess[str]]
Process = subprocess.Popen[str]

_started: list[subprocess.Popen[str]] = []


def settings(base_url: str, database_url: str, **more: str) -> dict[str, str]:
    """Return the variables of a job that reads account 1 of a server."""
    return {
        "ETL_BASE_URL": base_url,
        "ETL_ACCOUNT_ID": "1",
        "ETL_API_TOKEN": TOKEN,
        "DATABASE_URL": database_url,
        "ETL_REREAD_DAYS": "0",
        "ETL_CONCURRENCY": "4",
    } | more


def environment_of(folder: Path) -> dict[str, str]:
    """Return the environment of a process that has a folder for its own, and nothing else of ours than the PATH."""
    return {"PATH": os.environ["PATH"], "HOME": str(folder), "ETL_HOME": str(folder / "home")} | measured()


def measured() -> dict[str, str]:
    """Return what has a process measure what it covers, as ours does: `context` of pyproject.toml names the test."""
    if not coverage.Coverage.current():
        return {}
    return {
        "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"),
        "COVERAGE_FILE": str(ROOT / ".coverage"),
        "PYTEST_CURRENT_TEST": os.environ.get("PYTEST_CURRENT_TEST", ""),
    }


def run_etl(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process in a folder, with nothing else of our environment than the PATH."""
    if sys.platform != "linux":  # elsewhere a fork must not use the system's libraries before it is another program
        return run_program(folder, *arguments, **variables)
    command = [ETL, *arguments]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code = forked((out, err), command, environment_of(folder) | variables, str(folder))
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(command, code, out.read(), err.read())


def forked(output: Iterable[IO[str]], *request: object) -> int:
    """Have tests/fork_server.py run a command, given with its environment and its folder; return the exit code."""
    told, tells = os.pipe()
    with os.fdopen(told) as end, tempfile.TemporaryFile("w+") as file:
        json.dump(request, file)
        file.seek(0)
        socket.send_fds(starter(), [b"1"], [file.fileno(), *(one.fileno() for one in output), tells])
        os.close(tells)
        return int(end.read())


@cache
def starter() -> socket.socket:
    """Start the process that starts our commands; it ends when this one does."""
    ours, its = socket.socketpair()
    with its:
        process = subprocess.Popen(
            [sys.executable, "-P", READY],
            env={"PATH": os.environ["PATH"]},
            cwd="/",
            stdin=its,
            stdout=subprocess.DEVNULL,
        )

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


def run_program(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as `run_etl` does, and start the program itself for it."""
    process = start_etl(folder, *arguments, **variables)
    out, err = process.communicate(timeout=LONGEST)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def start_etl(folder: Path, *arguments: str, **variables: str) -> Process:
    """Start the command line as `run_etl` does, and do not wait for it."""
    return start([ETL, *arguments], folder, variables)


def start(command: list[str], folder: Path, variables: dict[str, str], said: IO[str] | None = None) -> Process:
    """Start a program in a folder, in a process group of its own; `said` takes all its output, else pipes do."""
    process = subprocess.Popen(
        command,
        env=environment_of(folder) | variables,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=said or subprocess.PIPE,
        stderr=subprocess.STDOUT if said else subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    _started.append(process)
    return process


def end_all() -> None:
    """Kill what was started and still goes on, with all that it started itself, and reap it."""
    while _started:
        process = _started.pop()
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe:
                pipe.close()


def end_server(home: Path) -> None:
    """End the embedded server of a folder, if one is left: whoever was killed did not, and whoever lives will."""
    data = home / "postgresql"
    if not (server := data / "postmaster.pid").exists():
        return
    with (home / "postgresql.users").open() as users, suppress(BlockingIOError, ProcessLookupError):
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)  # each user has a share of it
        os.kill(int(server.read_text().split()[0]), signal.SIGQUIT)


def run_into(trap: Trap, at: int, act: Callable[[Process], object], folder: Path, **variables: str):
    """Run `etl sync` and do something to its process when its request number `at` arrives.

    Return the process, what it wrote, and the seconds from then until it had ended.
    """
    started: list[Process] = []
    acted: list[float] = []

    def now() -> None:
        acted.append(time.monotonic())
        act(started[0])

    trap.set(at, now)
    started.append(start_etl(folder, "sync", **variables))
    out, err = started[0].communicate(timeout=LONGEST)
    assert acted, f"the run ended before its request {at}: {out}{err}"
    return started[0], out + err, time.monotonic() - acted[0]


def assert_in_time(seconds: float) -> None:
    """Assert that a process that was asked to stop was gone in ten seconds, of those that it was given."""
    allowed = SECONDS_TO_EXIT * slowness()
    assert seconds < allowed, f"{seconds:.1f} s, and {allowed:.1f} would have done"


def kill(process: Process) -> None:
    process.send_signal(signal.SIGKILL)


def terminate(process: Process) -> None:
    process.send_signal(signal.SIGTERM)


def sentence(said: str) -> str:
    """Return the one line that the command line complains of the database in; there is no other, and no traceback."""
    assert "Traceback" not in said, said
    (line,) = [line for line in said.splitlines() if "PostgreSQL at " in line]
    return line.strip().removeprefix("etl: ")


def command_lines(pid: int) -> str:
    """Return the command line of a process and of every process below it."""
    folder = Path(f"/proc/{pid}")
    children = [int(one) for task in folder.glob("task/*/children") for one in task.read_text().split()]
    return "\n".join([(folder / "cmdline").read_text().replace("\0", " "), *map(command_lines, children)])
