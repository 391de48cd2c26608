"""How a run ended, how a command ends, and which exit code stands for which outcome or failure."""

from collections.abc import Sequence
from enum import IntEnum, StrEnum
from typing import Self

from etl.errors import AnotherRun, EtlError, SettingsError


class Outcome(StrEnum):
    """How a run ended, as the journal and `--json` have it."""

    COMPLETE = "complete"
    INCOMPLETE = "incomplete"
    FAILED = "failed"
    RUNNING = "running"
    INTERRUPTED = "interrupted"

    @property
    def exit_code(self) -> "ExitCode":
        """With what a command ends whose run ended so."""
        return {Outcome.COMPLETE: ExitCode.COMPLETE, Outcome.INCOMPLETE: ExitCode.INCOMPLETE}.get(self, ExitCode.FAILED)


class ExitCode(IntEnum):
    """With what a command ends; `meaning` is what README, operations.md and `etl --help` say of it."""

    meaning: str

    def __new__(cls, number: int, meaning: str = "") -> Self:
        """Make a code that carries its meaning."""
        code = int.__new__(cls, number)
        code._value_ = number
        code.meaning = meaning
        return code

    COMPLETE = 0, "Complete, or done."
    FAILED = 1, "Failed, or interrupted. What was saved stays; the next run goes on from there."
    USAGE = 2, "The command line or a setting is wrong. Nothing was read."
    INCOMPLETE = 3, "Finished, but not complete: the summary says why."
    ANOTHER_RUN = 4, "Another run of this account is going on. This one did nothing."

    @classmethod
    def of(cls, error: EtlError) -> Self:
        """Return the exit code of a failure."""
        return cls({SettingsError: cls.USAGE, AnotherRun: cls.ANOTHER_RUN}.get(type(error), cls.FAILED))

    @classmethod
    def worst(cls, codes: Sequence[int]) -> Self:
        """Return the exit code of several accounts: the worst, and USAGE only when none could even begin."""
        if set(codes) == {cls.USAGE}:
            return cls(cls.USAGE)
        met = {cls.FAILED if one == cls.USAGE else one for one in codes}
        return cls(next(one for one in WORST_FIRST if one in met))


WORST_FIRST = (ExitCode.FAILED, ExitCode.INCOMPLETE, ExitCode.ANOTHER_RUN, ExitCode.COMPLETE)
