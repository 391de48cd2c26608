"""Tells which fields the vendor no longer sends, or no longer sends so that they can be read.

It is no chance that none of many records has what a tenth of them had before. Where a run has seen few, or chosen ones,
others are asked for: conversations of which the tables say that they have something.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Set
from contextlib import suppress

from etl.database.engine import transaction
from etl.database.models import Conversation
from etl.errors import VendorError
from etl.extract.belonging import get_list
from etl.extract.client import Client
from etl.extract.ids import id_of
from etl.load import contract
from etl.load.contract import Entry
from etl.load.journal import COUNTS, Run
from etl.run.expected import (
    ACCEPTED,
    ATTACHMENTS,
    HOLDERS,
    LEAST_SHARE,
    LISTED_ATTACHMENTS,
    OWNER,
    OWNER_TYPE,
    SAID_OF_SURVEYS,
    TEAM,
    Expected,
    is_expected,
)
from etl.run.intake import Intake
from etl.run.pipeline import take_by_id
from etl.run.rereading import read_whole
from etl.transform.entities import SENT
from etl.transform.observed import READ, SAYS_BY_ABSENCE, UNREAD, WITHHELD, by_path, met, told

# Conversations that are asked for when a run was sent too little to tell; and that are counted as assigned, at least.
HOLDERS_ASKED = 3
# That so many who had something say nothing of it at once, and nobody tells it, is no chance.
SEVERAL = 2
# Below this chance that none of the records had a field that so many had before, the field is gone.
CHANCE = 0.001
# What belongs to one conversation is alike, and has some fields by its type: so many records tell as much as one.
ALIKE = 10
# From here on a field is one that every record has.
ALWAYS = 0.99
# So many values that cannot be read, and none that can, are no accident. Of lists, which are read whole, one.
FEWEST_UNREAD = 3
WHOLE_LISTS = {"inbox", "agent", "team", "label", "custom attribute definition"}
# Of these a selection shows a part that may well be different from the rest.
OF_CONVERSATIONS = {"conversation", "contact", "listed contact"}
# What goes with its record only: that any was held back says that the field is gone.
GOES_WITH_ITS_RECORD = {*SAID_OF_SURVEYS, LISTED_ATTACHMENTS}
# What may be gone because nobody and nothing of it is left in the account.
LEFT = {OWNER: ("agents", Conversation.assignee_id), TEAM: ("teams", Conversation.team_id)}


def entry_of(name: str, run: Run, records: int, having: int, kinds: Set[str] = frozenset()) -> Entry:
    """Return a field as one run has met it: `having` of so many records told it."""
    sent_as, _, path = name.partition(".")
    share = min(having / records, 1) if records else 0
    return Entry(sent_as, path, tuple(sorted(kinds)), records, share, SENT[sent_as].takes(path), run.run_id, run.run_id)


def find_gone(client: Client, intake: Intake, listed: Mapping[str, Set[int]]) -> Iterator[Entry]:
    """Yield the fields that are gone; listed: numbers of the agents and teams of the account, where they were read."""
    run, expected = intake.run, intake.writer.known.expected
    sent = Counter(run.tally.sent)
    seen = set(met(sent))
    counted = _counted(intake) if run.selection is None else None
    if (
        counted
        and OWNER not in seen
        and _hides_owners(intake, *counted)
        and not _are_left(client, intake, OWNER, listed)
    ):
        yield expected.entries.get(OWNER) or entry_of(OWNER, run, counted[1], counted[0])
    yield from _unread(expected, sent)
    missed = [
        entry for entry in _expected(expected, run) if entry.name not in seen and not (entry.name == OWNER and counted)
    ]
    asked = [one for one in missed if _is_to_be_asked(one, run)]
    for entry in missed:
        if entry not in asked and _is_gone(entry, run, expected) and not _are_left(client, intake, entry.name, listed):
            yield entry
    for entry in asked:
        doubted = sent[f"{entry.name}\t{WITHHELD}"] or _is_unlikely(entry, sent)
        if not doubted or _is_met_elsewhere(client, intake, entry) or _are_left(client, intake, entry.name, listed):
            continue
        yield entry


def _expected(expected: Expected, run: Run) -> Iterator[Entry]:
    """Yield the fields that are missed when no record has them; those of which only the tables know, too."""
    yield from (entry for _, entry in sorted(expected.entries.items()) if is_expected(entry))
    told_before = {name for name, entry in expected.entries.items() if is_expected(entry)}
    for name in sorted(HOLDERS.keys() - told_before):
        if withheld := run.tally.sent[f"{name}\t{WITHHELD}"]:
            records = run.tally.sent[name.partition(".")[0]]
            yield expected.entries.get(name) or entry_of(name, run, max(records, withheld), withheld)


def _counted(intake: Intake) -> tuple[int, int] | None:
    with transaction(intake.engine) as connection:
        return contract.counted_as_assigned(connection, intake.run.account_id, intake.run.run_id)


def _hides_owners(intake: Intake, assigned: int, counted: int) -> bool:
    """Return whether the vendor counts owners and shows none, where it was not accepted that it does.

    Those who have left are counted, and not shown: where none was ever shown, it takes a few.
    """
    known = intake.writer.known.expected.entries.get(OWNER)
    if known and ACCEPTED in known.kinds:
        return False
    withheld = len(intake.run.tally.withheld.get(OWNER, ()))
    if withheld >= SEVERAL:
        return assigned > 0
    return assigned >= max(LEAST_SHARE * counted, 1 if known or withheld else HOLDERS_ASKED)


def _are_left(client: Client, intake: Intake, name: str, listed: Mapping[str, Set[int]]) -> bool:
    """Return whether all people, or teams, are gone whom the conversations had that were held back; remember it."""
    if name not in LEFT:
        return False
    path, column = LEFT[name]
    with transaction(intake.engine) as connection:
        ids = list(intake.run.tally.withheld.get(name, ()))
        had = contract.references(connection, intake.run.account_id, column, ids)
    there = listed.get(path) if path in listed else _numbers(client, path)
    if left := bool(had) and there is not None and had.isdisjoint(there):
        intake.writer.known.expected.left |= {name} & intake.writer.known.expected.entries.keys()
    return left


def _numbers(client: Client, path: str) -> set[int] | None:
    """Return the numbers of a list that a run of a selection has not read; None when it cannot be had."""
    with suppress(VendorError):
        answer = get_list(client, path)
        items = answer.get("payload") if isinstance(answer, dict) else answer
        return {number for item in items or () if (number := id_of(item)) is not None}
    return None


def _unread(expected: Expected, sent: Counter[str]) -> Iterator[Entry]:
    """Yield the fields of which many values could not be read, and none could."""
    kinds = by_path(sent)
    for name, entry in sorted(expected.entries.items()):
        found = kinds.get(name, Counter())
        enough = 1 if entry.sent_as in WHOLE_LISTS else FEWEST_UNREAD
        if is_expected(entry) and found[UNREAD] >= enough and not found[READ]:
            yield entry


def _is_to_be_asked(entry: Entry, run: Run) -> bool:
    if entry.name not in HOLDERS or entry.name in GOES_WITH_ITS_RECORD:
        return False
    # A run that is proved by counts has been sent few of them, too.
    return run.selection is not None or run.proof == COUNTS or entry.sent_as != "conversation"


def _is_gone(entry: Entry, run: Run, expected: Expected) -> bool:
    sent = run.tally.sent
    if entry.name == OWNER_TYPE:
        # It came with each owner, and comes with none.
        owner = expected.entries.get(OWNER)
        comes_with_it = owner is not None and entry.share >= ALWAYS * owner.share
        return comes_with_it and told(OWNER, by_path(sent).get(OWNER, Counter())) >= FEWEST_UNREAD
    withheld = sent[f"{entry.name}\t{WITHHELD}"]
    if withheld >= SEVERAL or (withheld and entry.name in GOES_WITH_ITS_RECORD):
        return True
    return (run.selection is None or entry.share > ALWAYS) and _is_unlikely(entry, sent)


def _is_unlikely(entry: Entry, sent: Counter[str]) -> bool:
    """Return whether it is no chance that none of the records has a field that so many had."""
    records: float = sent[entry.sent_as]
    if entry.share > ALWAYS and entry.name not in SAYS_BY_ABSENCE and entry.sent_as != "attachment":
        return records > 0
    if entry.sent_as not in OF_CONVERSATIONS:
        records /= ALIKE
    share = (entry.share * entry.records + 1) / (entry.records + 2)
    return records > 0 and (1 - share) ** records < CHANCE


def _is_met_elsewhere(client: Client, intake: Intake, entry: Entry) -> bool:
    """Ask for others that the tables say have something; return whether any of them tells it.

    Where there are no others, chance decides.
    """
    account_id, withheld = intake.run.account_id, intake.run.tally.withheld.get(entry.name, ())
    with transaction(intake.engine) as connection:
        ids = contract.newest_holders(connection, account_id, HOLDERS[entry.name], withheld, HOLDERS_ASKED)
    if not ids:
        # Attachments go only with their message, which would say that it is deleted.
        return entry.name != ATTACHMENTS and len(withheld) < SEVERAL and not _is_unlikely(entry, intake.run.tally.sent)
    if entry.name == ATTACHMENTS:
        read_whole(intake, ids)
    else:
        take_by_id(client, intake, ids)
    return entry.name in met(intake.run.tally.sent)
