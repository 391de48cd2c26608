"""The words of the bench: what is run, on what, and what comes out. Imports nothing, as every process here does."""

from dataclasses import dataclass, field

FIRST, QUIET, CHANGED = "first", "quiet", "changed"
SCENARIOS = (FIRST, QUIET, CHANGED)
OURS, LIMIT, DLT, SCRIPT = "ours", "limit", "dlt", "script"
CONTESTANTS = (OURS, LIMIT, DLT, SCRIPT)


@dataclass(frozen=True)
class Cell:
    """One comparison. latency: milliseconds that the server waits before each answer. in_flight: requests at once."""

    scenario: str
    conversations: int
    latency: float
    in_flight: int


@dataclass(frozen=True)
class Measured:
    """One execution of one contestant.

    seconds: the whole process, the limit's only its two halves. inner: without start-up and imports, as it says itself.
    processor: seconds of processor time of the process and its children. peak_mb: most memory at once, of the largest.
    asked: requests by kind, as the server counted. server: processor seconds of the server meanwhile.
    said: what it printed last, a JSON object.
    """

    seconds: float
    inner: float
    processor: float
    peak_mb: float
    asked: dict[str, int]
    server: float
    said: dict[str, object] = field(default_factory=dict)
