"""A batch: the rows of one page, by table, and what there is to tell of them."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import orjson

from etl.errors import BadValue
from etl.transform import plans
from etl.transform.entities import (
    AGENT,
    ATTACHMENT,
    BOT,
    CAMPAIGN,
    CONTACT,
    CONVERSATION,
    DEFINITION,
    INBOX,
    LABEL,
    MESSAGE,
    PATHS,
    REPORTING_EVENT,
    SLA_POLICY,
    SURVEY_RESPONSE,
    TEAM,
)
from etl.transform.fields import KEYS, Converted, Entity, Row
from etl.transform.observed import Missed, Observed
from etl.transform.plans import Plan
from etl.transform.values import LARGEST, free, text, without_secrets

Key = tuple[Any, ...]
Made = TypeVar("Made")


# Tables whose records come with many messages each.
REPEATED = {CONTACT.table, AGENT.table, BOT.table}


# The columns of a record that is only referred to: a conversation has only the id and channel of its inbox.
BARE = {"account_id", "id", "channel_type"}


@dataclass
class Batch:
    """The rows of one page, by table and key: the unit of memory, of transaction and of progress.

    rows: table -> key -> row; one row a key, however often and in whatever shape the page has it.
    complete: table of children -> numbers of the parents whose children are all in this batch.
    histories: numbers of the conversations all of whose messages are in this batch.
    rejected: records that cannot become rows: {entity, entity_id, conversation_id, reason, quote, payload, digest}.
    unheld: how many values their columns could not hold, `beyond_range` of PostgreSQL or `of_another_kind`; the columns
    are NULL, and `extra` keeps the values. Characters of others were `replaced` by U+FFFD.
    marks: conversation id -> what tells that its history changed.
    shown: conversation id -> numbers of the messages that the list carries with it.
    unchanged: numbers of conversations that were sent exactly as before; nothing else of them is in the batch.
    observed: which fields all of this came with.
    disputed: numbers of conversations that claim the same messages: what is here of their histories is in doubt.
    came: conversations that came to somebody who is forgotten: what is stored of them has to be emptied, too.
    """

    account_id: int
    rows: dict[str, dict[Key, Row]] = field(default_factory=lambda: {table: {} for table in KEYS})
    complete: dict[str, list[int]] = field(default_factory=lambda: {"conversation_labels": [], "attachments": []})
    histories: list[int] = field(default_factory=list)
    rejected: list[Row] = field(default_factory=list)
    unknown_fields: set[str] = field(default_factory=set)
    unheld: Counter[str] = field(default_factory=Counter)
    marks: dict[int, str] = field(default_factory=dict)
    shown: dict[int, set[int]] = field(default_factory=dict)
    unchanged: list[int] = field(default_factory=list)
    observed: Observed = field(default_factory=Observed, compare=False)
    disputed: set[int] = field(default_factory=set)
    came: set[int] = field(default_factory=set)
    # table -> what was the last to be added there: the same once more says nothing new.
    _added: dict[str, Converted] = field(default_factory=dict, repr=False, compare=False)
    _made: dict[tuple[str, bytes], Any] = field(default_factory=dict, repr=False, compare=False)

    def add(self, table: str, row: Row) -> None:
        """Add a row; keys of the same record that are already there stay unless `row` has them too.

        So does `extra`, but for what it kept for columns that `row` now tells.
        """
        row["account_id"] = self.account_id
        self._added.pop(table, None)
        kept = self.rows[table].setdefault(tuple([row[name] for name in KEYS[table]]), row)
        if kept is not row:
            extra = kept.pop("extra", None) or {}
            if extra:
                told = {path for column, paths in PATHS[table].items() if column in row for path in paths}
                extra = {name: value for name, value in extra.items() if name not in told}
            extra |= row.get("extra") or {}
            kept.update(row)
            if extra:
                kept["extra"] = extra

    def refer(self, table: str, number: int) -> None:
        """Add a record of which no more than its number is known, unless it is there already."""
        if (number,) not in self.rows[table]:
            self.add(table, {"id": number})

    def convert(self, entity: Entity, payload: Any, about: int | None = None, **given: Any) -> Row | None:
        """Turn a payload into a row and add it with the columns `given`; None when it had to be rejected.

        about: the conversation to which it belongs.
        """
        if entity.table in REPEATED:
            made = self.once(entity.name, payload, partial(self.make, entity, payload, about))
        else:
            made = self.make(entity, payload, about)
        return None if made is None else self.put(entity, made, about, given)

    def take(self, entity: Entity, payload: Any, about: int | None = None, **given: Any) -> Row | None:
        """Note which fields a payload has, and convert it."""
        made = self.make(entity, payload, about, self.observed.add(entity, payload))
        return None if made is None else self.put(entity, made, about, given)

    def make(self, entity: Entity, payload: Any, about: int | None, plan: Plan | None = None) -> Converted | None:
        """Turn a payload into a row, which is not added; None when it had to be rejected.

        plan: the payload's, where it was looked for already.
        """
        try:
            return plans.convert(entity, payload, plan)
        except BadValue as error:
            self.reject(entity.name, payload, error, about)
            return None

    def put(self, entity: Entity, made: Converted, about: int | None, given: Row) -> Row:
        """Add what was made of a payload with the columns `given`, and what there is to tell of it; return the row."""
        if made.unknown:
            self.unknown_fields |= made.unknown
        if made.unheld or made.replaced:
            self.unheld.update(
                beyond_range=made.beyond, of_another_kind=len(made.unheld) - made.beyond, replaced=made.replaced
            )
        if entity.table not in REPEATED:
            made.row |= given
            self.add(entity.table, made.row)
        elif given or self._added.get(entity.table) is not made:
            self.add(entity.table, made.row | given)
            self._added[entity.table] = made
        for path, column in made.columns.items():
            key = tuple([made.row[name] for name in KEYS[entity.table]])
            self.observed.missed.append(Missed(f"{entity.sent_as}.{path}", entity.table, key, column, about))
        return made.row

    def once(self, name: str, sent: Any, make: Callable[[], Made]) -> Made:
        """Return what is made of something that was sent, once for all messages that repeat it; None is made again.

        name: of what is made, so that no two are taken for each other.
        """
        try:
            key = name, orjson.dumps(sent)
        except TypeError:
            return make()
        made: Made | None = self._made.get(key)
        if made is None:
            made = make()
            if made is not None:
                # A copy, as orjson leaves what it writes in a buffer many times as long.
                self._made[name, bytes(memoryview(key[1]))] = made
        return made

    def reject(self, entity: str, payload: Any, error: BadValue, about: int | None = None) -> None:
        """Keep a record that cannot become a row, with the reason, and the conversation to which it belongs."""
        reason, sent = str(error), payload.get("id") if isinstance(payload, dict) else None
        try:
            kept = without_secrets(free(payload))
        except BadValue:
            kept = None  # not even as JSON can it be stored; the reason says why
        self.rejected.append(
            {
                "entity": entity,
                "entity_id": None if sent is None else text(str(sent))[:100],
                "conversation_id": about,
                "reason": reason,
                "quote": error.quote or None,
                "payload": kept,
                # Tells the same fault in the same record when the next run meets it again.
                "digest": hashlib.sha256(json.dumps([reason, kept], sort_keys=True).encode()).hexdigest(),
            }
        )

    def rejected_conversations(self) -> list[int]:
        """Return the numbers of the conversations that were rejected, as far as they can be read."""
        numbers = [record["entity_id"] for record in self.rejected if record["entity"] == "conversation"]
        return [
            int(number)
            for number in numbers
            if number and number.isascii() and number.isdigit() and int(number) <= LARGEST
        ]

    def resolved_records(self) -> list[tuple[str, int]]:
        """Return (entity, id) of the records that became rows; not of those whose id alone could be read."""
        rejected = {(record["entity"], record["entity_id"]) for record in self.rejected}
        read = [
            (name, row["id"])
            for entity in (
                *(CONVERSATION, MESSAGE, CONTACT, AGENT, BOT, TEAM, ATTACHMENT),
                *(INBOX, LABEL, DEFINITION, SURVEY_RESPONSE, SLA_POLICY, CAMPAIGN, REPORTING_EVENT),
            )
            for row in self.rows[entity.table].values()
            if "id" in row and row.keys() - BARE
            for name in ((entity.name, "sender", "owner") if entity in {CONTACT, AGENT, BOT} else (entity.name,))
        ]
        return [record for record in read if (record[0], str(record[1])) not in rejected]

    def items(self, entity: str, value: Any, about: int | None = None) -> list[Any]:
        """Return the elements of an array in a payload; what is no array is rejected, null is an empty one."""
        if value is None or isinstance(value, list):
            return [item for item in value or [] if item is not None]
        self.reject(entity, value, BadValue("expected an array"), about)
        return []
