"""What a run takes of a list of names: its items, the fields of each that have a column; and what cannot be had."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from etl.errors import BadValue, Denied, VendorError
from etl.load.journal import Run
from etl.transform.batch import Batch
from etl.transform.fields import Entity, Payload


@dataclass(frozen=True)
class Names:
    """A list of names: where it is, what its items become, what it tells, and what is known without it."""

    path: str
    entity: Entity
    tells: str
    instead: str


@dataclass
class Missed:
    """What could not be read, by the reason: one note a reason, however much was missed for it.

    has_failed: whether the server failed at any of it, so that it may be had the next time.
    """

    has_failed: bool = False
    _by_reason: dict[str, list[str]] = field(default_factory=dict)

    def add(self, what: str, error: VendorError) -> None:
        """Remember what could not be read, and why; of several failures of the server, only the first."""
        why = "this server does not have it"
        if isinstance(error, Denied):
            said = error.sentence.removesuffix(".") + (f": {error.quote}" if error.quote else "")
            why = error.reason or f"it was refused ({said})"
        elif error.status != HTTPStatus.NOT_FOUND:  # in HTML, too, which is how the vendor answers an unknown route
            failed, self.has_failed = "the server failed", True
            why = next((reason for reason in self._by_reason if reason.startswith(failed)), f"{failed}: {error}")
        self._by_reason.setdefault(why, []).append(what)

    def say(self, run: Run) -> None:
        """Have the run's notes say it, once."""
        for reason, missed in self._by_reason.items():
            run.notes.append(f"Not read: {'; '.join(missed)}. Why: {reason.removesuffix('.')}.")
        self._by_reason.clear()


def items_of(answer: Any) -> list[Any]:
    """Return the items of a list, bare or under `payload`; raise VendorError when there is none."""
    items = answer.get("payload") if isinstance(answer, dict) else answer
    if not isinstance(items, list):
        raise VendorError("the answer is no list")
    return items


def named(entity: Entity, payload: Payload) -> Payload:
    """Return the fields that have a column: `/inboxes` holds the channels' secrets, which are not to be stored."""
    known = entity.shapes[""].known
    return {name: value for name, value in payload.items() if name in known}


def objects_of(batch: Batch, entity: Entity, items: Iterable[Any]) -> list[Payload]:
    """Return the items that are objects; the others are rejected, without what they are: it may be a secret."""
    found = []
    for item in items:
        if isinstance(item, dict):
            found.append(item)
        else:
            name = entity.name
            batch.reject(name, None, BadValue(f"expected an object, got {type(item).__name__}", field=name))
    return found
