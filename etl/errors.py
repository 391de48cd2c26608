"""The tree of failures: what the job can say in a sentence, and which of them callers tell apart.

    EtlError                the job says in a sentence what happened; exit 1
    ├── SettingsError       a setting or an argument is missing or wrong; exit 2
    ├── AnotherRun          another run of this account holds the lock; exit 4
    ├── Interrupted         somebody asked the run to stop; it is closed as interrupted
    ├── DatabaseError       PostgreSQL cannot be reached, refuses, or has another schema
    │   ├── NoSession       ... or a pooler gives each transaction another session of it, exit 2
    │   └── Unfit           ... or lacks what this version needs: until somebody mends it; exit 2
    ├── DeletionsRefused    so much is gone that the token is to be doubted; --accept-deletions overrides
    ├── VendorError         a request was not answered with the JSON that was asked for
    │   ├── Unreadable      ... and that says nothing of the token, nor of what else is there: others are asked for
    │   │   ├── TryAgain    ... but may be answered the next time: the client retries these
    │   │   │   ├── TooSlow no whole answer in time, or 504: less at once may be answered
    │   │   │   └── Limited 429: too many requests
    │   │   └── TooLarge    more than ETL_MEMORY_MB has room for: ask for less at once
    │   ├── Denied          401 in JSON: the token may not; exit 2
    │   └── NotFound        404 in JSON: not there
    └── BadValue            a value in a payload cannot become a column's value; the record is rejected
        └── BeyondRange     ... because PostgreSQL cannot hold it; harmless in a column that may be empty

A class stands here only where a caller acts differently.

What an error quotes, of an answer or of a record, may be personal: it is a field of its own, apart from our sentence.
"""

import re
from collections.abc import Iterable


class EtlError(Exception):
    """A failure that the person reading the log can act on; its text is a whole sentence."""


class SettingsError(EtlError):
    """A setting or an argument is missing or wrong.

    `faults` says what is wrong with which variable, where it is about variables.
    """

    def __init__(self, message: str, faults: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.faults = faults or {}


class AnotherRun(EtlError):
    """Another run of the same account is going on."""


class Interrupted(EtlError):
    """Somebody asked the run to stop."""


class DatabaseError(EtlError):
    """PostgreSQL cannot be reached, refuses, or is not at the schema that this version needs."""


class NoSession(DatabaseError):
    """A pooler hands each transaction to another session of PostgreSQL, so that no lock holds any longer."""

    advice = (
        "Let DATABASE_URL lead to PostgreSQL itself, or to the pooler in session mode: often that is another port or"
        " host name."
    )


class Unfit(DatabaseError):
    """The database, or what is in it, is not what this version needs: trying again brings the same."""


class DeletionsRefused(EtlError):
    """So many conversations are gone upstream that the token is doubted, and nothing is marked as deleted."""


class VendorError(EtlError):
    """A request to the vendor failed for good.

    sentence: what happened, in our own words. quote: what was answered, as far as it is shown. address: what was asked
    for, as it is shown. reason: why it was refused, in our own words, where the vendor's own say so. status: the
    answer's, None where there was none.
    """

    reason = ""
    status: int | None = None

    def __init__(self, sentence: str, quote: str = "", address: str = "") -> None:
        super().__init__(sentence, quote)
        self.sentence, self.quote, self.address = sentence, quote, address

    def __str__(self) -> str:
        """Return the whole sentence; `unquoted` takes the quote out of it."""
        said = f"{self.sentence.removesuffix('.')}: {self.quote}" if self.quote else self.sentence
        return f"{self.address}: {said}" if self.address else said


class Unreadable(VendorError):
    """A request was not answered by the vendor, or not with anything that can be read.

    A firewall's 403, a login page, an empty body, no whole answer in time: nothing of it tells what the vendor has
    (its section 6).
    """


class TooLarge(Unreadable):
    """An answer is larger than there is room for."""


class TryAgain(Unreadable):
    """A request failed in a way that may pass.

    `wait` is the least number of seconds before the next attempt, None when the server did not say.
    """

    def __init__(self, sentence: str, quote: str = "", address: str = "", wait: float | None = None) -> None:
        super().__init__(sentence, quote, address)
        self.wait = wait


class TooSlow(TryAgain):
    """There was no whole answer in time, or a proxy says so (504)."""


class Limited(TryAgain):
    """The server answered 429; seconds: how long requests of this kind now wait for it."""

    def __init__(self, sentence: str, seconds: float) -> None:
        super().__init__(sentence, wait=0)  # the pace waits, for all threads together
        self.seconds = seconds


class Denied(VendorError):
    """The vendor answered 401, in JSON.

    On a single conversation it means that the token may not see its inbox, not that the token is dead (the vendor's
    section 6).
    """


class NotFound(VendorError):
    """The vendor answered 404, in JSON."""


class BadValue(EtlError):
    """A value in a payload cannot become a column's value.

    sentence: what is wrong with it, in our own words. quote: what was there, as far as it is shown. field: the path of
    the field, where it is about one.
    """

    def __init__(self, sentence: str, quote: str = "", field: str = "") -> None:
        super().__init__(sentence, quote)
        self.sentence, self.quote, self.field = sentence, quote, field

    def __str__(self) -> str:
        """Return what is wrong, the quote at its end; `without_value` takes it away."""
        said = f"{self.field}: {self.sentence}" if self.field else self.sentence
        return f"{said}, got {self.quote}" if self.quote else said


class BeyondRange(BadValue):
    """A value is of the right kind, but beyond PostgreSQL: a time in the year 31,690,708, a number of 70 bits."""


def without_value(reason: str, quote: str | None) -> str:
    """Return what a BadValue says, without its quote."""
    return reason.removesuffix(f", got {quote}") if quote else reason


def quoted(quotes: Iterable[str], said: Iterable[str]) -> list[str]:
    """Return those of the quotes that occur in what was said, in order."""
    everything = "\n".join(said)
    return sorted(quote for quote in quotes if quote in everything)


def unquoted(said: str, quotes: Iterable[str]) -> str:
    """Return what was said without the quotes of the VendorErrors in it, and without a search's term.

    The longest quotes go first: a shorter one may be a part of them.
    """
    for quote in sorted(quotes, key=len, reverse=True):
        # What was said may go on with a full stop of its own. Not within a word: a quote may be of one letter.
        said = re.sub(rf": {re.escape(quote)}(?:\.|(?=[\s;,)]|$))", ".", said).replace(f"q={quote}", "q=...")
    return said
