"""How a run ended, how a command ends, and which exit code stands for which outcome or failure."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Self

from etl.errors import AnotherRun, Denied, EtlError, NoSession, SettingsError, Unfit


class Outcome(StrEnum):
    """How a run ended, as the journal and `--json` have it."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    RUNNING = "running"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> "ExitCode":
        """Return the exit code of a command whose run ended so."""
        return {Outcome.COMPLETE: ExitCode.COMPLETE, Outcome.INCOMPLETE: ExitCode.INCOMPLETE}.get(self, ExitCode.FAILED)


class ExitCode(IntEnum):
    """The exit codes of commands. The tables of README and operations.md and the text of `--help` are made from here.

    brief: in a word or two. meaning: in a sentence. advice: what to do then.
    """

    brief: str
    meaning: str
    advice: str

    def __new__(cls, number: int, brief: str = "", meaning: str = "", advice: str = "") -> Self:
        """Make a code that carries its texts."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.brief, code.meaning, code.advice = brief, meaning, advice
        return code

    COMPLETE = (0, "complete", "Complete, or done.", "Nothing.")
    FAILED = (
        1,
        "failed or interrupted",
        "Failed, or interrupted. What was saved stays; the next run goes on from there.",
        "Read the message: it names the address or the database, and what was answered. `etl check` tells whether it"
        " lasts. Then run `etl sync` again: it goes on where it was.",
    )
    USAGE = (
        2,
        "needs mending first",
        "The command line, a setting, the token or the tables are wrong. Trying again brings the same.",
        "Every fault is named. Mend the command, `.env` or the environment, take another token, or run `etl migrate`."
        " Then run it again: when a token was refused in the middle of a run, what was saved stays.",
    )
    INCOMPLETE = (
        3,
        "finished but not complete",
        "Finished, but not complete: the summary says why.",
        "Read the summary, or `problems` in `sync_runs`. The cases are below.",
    )
    ANOTHER_RUN = (
        4,
        "another run of this account",
        "Another run of this account is going on. This one did nothing.",
        "The message says which, since when and where. Wait, or stop it. The lock is PostgreSQL's and goes with its"
        " holder: there is no file to remove.",
    )

    @classmethod
    def of(cls, error: EtlError) -> Self:
        """Return the exit code of a failure."""
        if isinstance(error, AnotherRun):
            return cls(cls.ANOTHER_RUN)
        return cls(cls.USAGE if isinstance(error, LASTING) else cls.FAILED)

    @classmethod
    def worst(cls, codes: Sequence[int]) -> Self:
        """Return the exit code of several accounts: the worst, which is one that may pass when tried again."""
        return cls(next(code for code in WORST_FIRST if code in codes))


# What somebody has to mend: whatever begins runs again after a failure need not begin one after these.
LASTING = (SettingsError, Unfit, NoSession, Denied)
WORST_FIRST = (ExitCode.FAILED, ExitCode.USAGE, ExitCode.INCOMPLETE, ExitCode.ANOTHER_RUN, ExitCode.COMPLETE)
