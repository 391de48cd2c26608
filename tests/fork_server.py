"""A process that has imported `etl`, and forks for each command that it is asked for: imports are paid for once.

What it forks is a process like any other, with an environment, a folder, output, signals and an end of its own. What it
cannot show is a fault of starting: test_command_line.py, and whoever stops or kills one, start the program itself.
"""

import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
import sys

import coverage

import etl
from etl.__main__ import main
from tests.waits import LONGEST


def await_command() -> list[str]:
    """Fork whenever files come in; return the command line in the fork, and end when nobody can ask any more."""
    asked = socket.socket(fileno=os.dup(0))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who waits for a command ends unseen
    while files := socket.recv_fds(asked, 1, 4)[1]:
        if not os.fork():
            asked.close()
            return become(*files)
        for file in files:
            os.close(file)
    sys.exit()


def become(request: int, out: int, err: int, told: int) -> list[str]:
    """Fork again: the parent waits and tells how the command ended, the child takes on what the request says."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if child := os.fork():
        os.write(told, str(exit_code(child)).encode())
        os._exit(0)
    with os.fdopen(request) as file:
        command, environment, folder = json.load(file)
    with open(os.devnull) as nothing:  # noqa: PTH123 -- the fork takes no detour over Path
        os.dup2(nothing.fileno(), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    for file in (out, err, told):
        os.close(file)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    coverage.process_startup()  # only where the environment says so: make test-long
    return command


def exit_code(process: int) -> int:
    """Wait for a process, kill it when it takes too long, and tell its end as `subprocess` does."""
    signal.signal(signal.SIGALRM, lambda *_: os.kill(process, signal.SIGKILL))
    signal.alarm(LONGEST)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    for module in pkgutil.walk_packages(etl.__path__, "etl."):
        importlib.import_module(module.name)
    # What is here stays as it is: without this each fork's end looks at all of it, and takes five times as long.
    gc.freeze()
    sys.argv = await_command()
    main()
