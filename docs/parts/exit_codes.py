"""The tables of exit codes: what each means, and what to do on it."""

from etl.exit_codes import ExitCode
from parts.markdown import markdown_table


def meanings() -> str:
    """Return the exit codes with their meanings."""
    return markdown_table(("exit code", "meaning"), ((f"{code:d}", code.meaning) for code in ExitCode))


def advice() -> str:
    """Return the exit codes with what to do on each."""
    rows = ((f"{code:d}", code.brief, code.advice) for code in ExitCode)
    return markdown_table(("code", "meaning", "what to do"), rows)
