"""A program that has the terminal while it runs, and hears what is meant for it."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from types import FrameType

from etl.exit_codes import ExitCode

ASKED_TO_STOP = (signal.SIGTERM, signal.SIGHUP)


def accompany(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program to its end, and return its exit code; FAILED where a signal ended it.

    Ctrl-C is for the program: psql ends a query by it, and not itself. A request to stop that we hear is handed on.
    """
    heard: list[int] = []
    # Not SIG_IGN, which the program would inherit.
    _listen((signal.SIGINT,), lambda *_: None)
    _listen(ASKED_TO_STOP, lambda number, _: heard.append(number))
    with subprocess.Popen(command, env=environment) as process:  # noqa: S603 -- psql itself
        _listen(ASKED_TO_STOP, lambda number, _: process.send_signal(number))
        for number in heard:  # before there was anybody to hand it on to
            process.send_signal(number)
        code = process.wait()
    return ExitCode.FAILED if code < 0 else code


def _listen(numbers: Sequence[int], act: Callable[[int, FrameType | None], None]) -> None:
    """Hear signals, but those that whoever started us had ignored (nohup)."""
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, act)
