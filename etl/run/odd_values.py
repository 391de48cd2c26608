"""Says which values of a run their columns could not hold."""

from collections.abc import Iterator

from etl.load.tally import Tally
from etl.privacy.rules import Way


def notes(tally: Tally, way: Way) -> Iterator[str]:
    """Yield a sentence for each kind of them that there were."""
    kept = "`extra` has them" if way.mode == "keep" else "they are not kept"
    if tally.beyond_range:
        yield f"{tally.beyond_range} values were beyond what PostgreSQL holds; {kept}."
    if tally.of_another_kind:
        yield f"{tally.of_another_kind} values were of another kind than their columns, which are NULL; {kept}."
