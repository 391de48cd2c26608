"""The edge of the program: what it hears before anything else is there, and the one line in which every end is told.

Nothing but what Python itself has loaded is imported before the signals are heard.
"""

import os
import signal
import sys
from types import FrameType
from typing import Any, NoReturn

FAILED = 1
# What typer makes of Ctrl-C, which it does not tell.
OF_TYPER = 130
LAST_WORD = "Stopped on request. What was saved stays; the next run goes on from there."

_asked: list[int] = []


def main() -> NoReturn:
    """Run the command line, and end with its exit code; with 1 and one line where it could not go to its end."""
    _listen()
    try:
        _prepare()
        code = _run()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else FAILED if ended.code else 0
    except KeyboardInterrupt:
        code = OF_TYPER
    except BaseException as error:  # noqa: BLE001 -- the edge: whatever it is, is told in one line
        _end(_told(error))
    if _asked and code in {OF_TYPER, 0}:
        _end(LAST_WORD)
    _hear(lambda *_: os._exit(code))  # what is left to do is only to end
    from etl import steady_memory, steady_output

    if lost := steady_output.loss():
        _say(lost)
        code = code or FAILED
    steady_memory.end()
    sys.exit(FAILED if _asked else code)


def _run() -> int:
    from etl.commands.main import main as command_line

    return command_line()


def _prepare() -> None:
    import threading
    import warnings

    from etl import steady_memory, steady_output

    steady_memory.settle()
    steady_output.begin()
    # In the locale C, Python does not take UTF-8 for what it is, and PostgreSQL would refuse what it makes of it.
    sys.argv[1:] = [os.fsencode(one).decode("utf-8", "replace") if _is_torn(one) else one for one in sys.argv[1:]]
    if not sys.warnoptions:
        warnings.simplefilter("ignore")  # those of libraries, to whoever works on them
    threading.excepthook = lambda thrown: _say(_told(thrown.exc_value))
    sys.excepthook = lambda _kind, error, _trace: _say(_told(error))
    sys.unraisablehook = _unraisable


def _is_torn(argument: str) -> bool:
    return not argument.isascii() and any("\udc80" <= letter <= "\udcff" for letter in argument)


def _told(error: BaseException | None) -> str:
    from etl import faults

    return faults.report(error or RuntimeError())


def _unraisable(thrown: Any) -> None:
    """Tell what Python ignores, where nobody could catch it; a request to stop is not ignored there either."""
    if _asked and isinstance(thrown.exc_value, KeyboardInterrupt):
        _end(LAST_WORD)
    if not sys.is_finalizing():
        _say(_told(thrown.exc_value))


def _listen() -> None:
    """Hear SIGTERM, Ctrl-C and the end of the terminal, but what whoever started us had ignored (nohup)."""
    _hear(_stop)


def _hear(act: Any) -> None:
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, act)


def _stop(number: int, _frame: FrameType | None) -> None:
    """End whatever is done, wherever it is: a run has set handlers of its own, which know better."""
    _asked.append(number)
    _hear(lambda *_: os._exit(FAILED))  # a second request insists
    raise KeyboardInterrupt


def _end(line: str) -> NoReturn:
    """Tell how it ended, and end without waiting for threads."""
    _hear(lambda *_: os._exit(FAILED))
    try:
        _say(line)
        if embedded := sys.modules.get("etl.database.embedded"):
            embedded.leave_at_once(FAILED)
    finally:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(FAILED)


def _say(line: str) -> None:
    """Print a line, or log it where the log is JSON, and in plain text where not even that can be found out."""
    try:
        import logging

        from etl import logs
        from etl.commands.accounts import complain

        if not logging.getLogger().handlers and os.environ.get("ETL_LOG_FORMAT") == "json":
            logs.configure("json")
        complain(line)
    except BaseException:  # noqa: BLE001 -- the last word is said in any case
        sys.stderr.write(f"etl: {line}\n")


if __name__ == "__main__":
    main()
