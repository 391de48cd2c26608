"""What the client's errors quote of answers and searches: apart from our own words, so that it can be left out."""

import re
from typing import Any
from urllib.parse import quote_plus

from etl.errors import TooSlow, TryAgain, VendorError
from etl.settings.settings import Settings

SHOWN_OF_BODY = 300
LOOKED_AT = 2**16
# What urllib3 puts before its words: where it was connected to, which the address says.
POOL = re.compile(r"^HTTPS?ConnectionPool\([^)]*\): ")
MOST_QUOTES = 1_000
# Failures that this machine itself reports, before or without any answer: all others may quote what came in.
OWN_WORDS = {
    *("NewConnectionError", "NameResolutionError", "ConnectTimeoutError", "TimeoutError"),
    *("ConnectionResetError", "ConnectionRefusedError", "ConnectionAbortedError", "BrokenPipeError"),
    *("RemoteDisconnected", "SSLError", "SSLEOFError", "SSLZeroReturnError"),
}


class Quotes(set[str]):
    """What was quoted so far: of answers, and the terms of searches, as the addresses have them.

    Nothing is quoted where personal data are not kept. Beyond MOST_QUOTES nothing new is quoted: a
    quote that is not remembered here could not be taken out of a sentence again.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._may_quote = settings.pii == "keep"
        self._token = settings.api_token

    def of_answer(self, said: bytes | bytearray) -> str:
        """Return the beginning of what a server said, fit for a log: without the token, if it repeats our headers."""
        text = said[:LOOKED_AT].decode("utf-8", "replace").replace(self._token.get_secret_value(), "(the token)")
        return self._remembered(text[:SHOWN_OF_BODY].encode("unicode_escape").decode() or "an empty body")

    def of_term(self, term: str) -> str:
        """Return the term of a search as an address shows it."""
        return term if self._remembered(quote_plus(term, "[]")) else "..."

    def failure(self, error: Exception) -> VendorError:
        """Return the error for a request that got no readable answer, made from what requests raised."""
        kind, words = _cause(error)
        if kind == "ReadTimeoutError":
            return TooSlow(f"no answer ({words}).")
        if kind in OWN_WORDS:
            return TryAgain(f"no answer ({words}).")
        return TryAgain(f"no answer ({kind}).", self.of_answer(words.encode()))

    def _remembered(self, quote: str) -> str:
        if self._may_quote and len(self) < MOST_QUOTES:
            self.add(quote)
        return quote if quote in self else ""


def _cause(error: Exception) -> tuple[str, str]:
    """Return the kind of a connection's failure, and its own few words.

    requests nests the reason, and repeats the address in it.
    """
    reason: Any = error.args[0] if error.args else error
    reason = getattr(reason, "reason", reason)
    words = POOL.sub("", str(reason).rpartition(">: ")[2]) or type(error).__name__
    of_system = (argument for argument in getattr(reason, "args", ()) if isinstance(argument, OSError))
    return type(next(of_system, reason)).__name__, words
