"""Compares what a run was sent with what the vendor has sent so far, says what is missing, and remembers what came.

A field that a tenth or more of the records had, and that now none has, is no news about the records: the vendor has
renamed it, or sends it in a kind that cannot be read. Nothing is overwritten by that, and the run is not complete.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import replace
from datetime import UTC, datetime

from etl.database.engine import transaction
from etl.extract.client import Client
from etl.load import contract, conversations
from etl.load.contract import HAS_ATTACHMENT, HAS_LABEL, HAS_OWNER, HAS_TEAM, Entry
from etl.load.journal import Run
from etl.load.tally import Tally
from etl.run.dimensions import Dimensions
from etl.run.expected import ATTACHMENTS, LABELS, LEAST_SHARE, OWNER_TYPE, SAID_OF_SURVEYS, Expected
from etl.run.intake import Intake
from etl.run.pipeline import take_by_id
from etl.run.rereading import read_whole
from etl.run.saving import OF_ANOTHER_TYPE
from etl.transform.entities import SENT
from etl.transform.observed import KIND_NAMES, SAYS_BY_ABSENCE, UNREAD, WITHHELD, by_path, met, told

TYPES = "message.message_type"
OWNER, TEAM = "conversation.meta.assignee", "conversation.meta.team"
HOLDERS = {OWNER: HAS_OWNER, TEAM: HAS_TEAM, LABELS: HAS_LABEL, ATTACHMENTS: HAS_ATTACHMENT}
# Conversations that are asked for when a run was sent too little to tell.
HOLDERS_ASKED = 3
# Below this chance that none of the records had a field that so many had before, the field is gone.
CHANCE = 0.001
# What belongs to one conversation is alike, and has some fields by its type: so many records tell as much as one.
ALIKE = 10
# Of so many conversations at a time.
STATES_AT_ONCE = 1_000
# Older runs count less and less.
MOST_RECORDS = 100_000
# Names that no column takes, kept for each kind of record: a server may make them up.
MOST_UNKNOWN = 200
MOST_FIELDS_NAMED = 5
# From here on a field is one that every record has.
ALWAYS = 0.99
# Of these a selection shows a part that may well be different from the rest.
OF_CONVERSATIONS = {"conversation", "contact"}
ACCEPT = "If the vendor means it so, run `etl sync --accept-contract` once; `etl check --contract` shows what it sends."


def settle(client: Client, intake: Intake, dimensions: Dimensions, accept: bool) -> None:
    """Judge what a run was not sent, read again what was held back without need, and save what was sent.

    accept: believe it.
    """
    run, expected = intake.run, intake.writer.known.expected
    gone = {entry.name: entry for entry in _find_gone(client, intake, dimensions.agents)}
    if not accept:
        expected.unmet = set(gone)
        if gone:
            _note_states(intake)
        else:
            _apply(client, intake, dimensions)
        run.problems += _problems(gone, run.tally)
    entries = _renewed(intake, expected, {} if accept else gone)
    if accept:
        _add_words(entries, run)
        entries = {name: entry for name, entry in entries.items() if name not in gone}
    with transaction(intake.engine) as connection:
        contract.write(connection, run.account_id, entries.values(), gone.values() if accept else ())


def _find_gone(client: Client, intake: Intake, agents: Set[int]) -> Iterator[Entry]:
    """Yield the fields that the vendor no longer sends."""
    run, expected = intake.run, intake.writer.known.expected
    everything = run.selection is None
    counted = _counted(intake) if everything else None
    seen = set(met(run.tally.sent))
    if counted and OWNER not in seen and _hides_owners(expected, *counted) and not _all_left(intake, agents):
        yield expected.entries.get(OWNER) or _entry(OWNER, run, counted[1], counted[0])
    missed = [
        entry
        for name, entry in sorted(expected.entries.items())
        if entry.taken and entry.share >= LEAST_SHARE and name not in seen and not (name == OWNER and counted)
    ]
    # A selection, or the histories that were read, may well be of those that have none: others are asked.
    to_ask = [one for one in missed if one.name in HOLDERS and not (everything and one.sent_as == "conversation")]
    sent = Counter(run.tally.sent)
    for entry in missed:
        kept = entry.name in SAID_OF_SURVEYS and sent[f"{entry.name}\t{WITHHELD}"]
        if kept or (entry not in to_ask and (everything or entry.share > ALWAYS) and _is_unlikely(entry, sent)):
            yield entry
    for entry in to_ask:
        doubted = sent[f"{entry.name}\t{WITHHELD}"] or _is_unlikely(entry, sent)
        if doubted and not _is_met_elsewhere(client, intake, entry):
            yield entry


def _counted(intake: Intake) -> tuple[int, int] | None:
    with transaction(intake.engine) as connection:
        return contract.counted_as_assigned(connection, intake.run.account_id, intake.run.run_id)


def _hides_owners(expected: Expected, assigned: int, counted: int) -> bool:
    """Return whether the vendor counts owners and shows none, where it was not accepted that it does."""
    was_accepted = OWNER not in expected.entries and any(
        one.sent_as == "conversation" for one in expected.entries.values()
    )
    return not was_accepted and assigned >= max(LEAST_SHARE * counted, HOLDERS_ASKED if not expected.entries else 1)


def _all_left(intake: Intake, agents: Set[int]) -> bool:
    """Return whether those who own what was held back have left: the vendor counts their conversations as assigned."""
    with transaction(intake.engine) as connection:
        owners = contract.owners(connection, intake.run.account_id, intake.run.tally.withheld)
    return bool(agents and owners) and owners.isdisjoint(agents)


def _is_unlikely(entry: Entry, sent: Counter[str]) -> bool:
    """Return whether it is no chance that none of the records has a field that so many had."""
    records: float = sent[entry.sent_as]
    if entry.name == OWNER_TYPE:
        # It comes with the owner, or never.
        records = told(OWNER, by_path(sent).get(OWNER, Counter()))
        return records > 0
    if entry.share > ALWAYS and entry.name not in SAYS_BY_ABSENCE:
        return records > 0
    if entry.sent_as not in OF_CONVERSATIONS:
        records /= ALIKE
    share = (entry.share * entry.records + 1) / (entry.records + 2)
    return records > 0 and (1 - share) ** records < CHANCE


def _is_met_elsewhere(client: Client, intake: Intake, entry: Entry) -> bool:
    """Ask for others that the tables say have something; return whether any of them tells it.

    Where there are no others, chance decides.
    """
    with transaction(intake.engine) as connection:
        account_id, withheld = intake.run.account_id, intake.run.tally.withheld
        ids = contract.newest_holders(connection, account_id, HOLDERS[entry.name], withheld, HOLDERS_ASKED)
    if not ids:
        # Attachments go only with their message, which would say that it is deleted.
        return entry.name != ATTACHMENTS and not _is_unlikely(entry, intake.run.tally.sent)
    if entry.name == ATTACHMENTS:
        read_whole(intake, ids)
    else:
        take_by_id(client, intake, ids)
    return entry.name in met(intake.run.tally.sent)


def _note_states(intake: Intake) -> None:
    """Note the states of what was held back, as it is now: until here they might have been others in a moment."""
    withheld = list(intake.run.tally.withheld)
    for first in range(0, len(withheld), STATES_AT_ONCE):
        with transaction(intake.engine) as connection:
            block = withheld[first : first + STATES_AT_ONCE]
            conversations.save_states(connection, intake.run.account_id, block, datetime.now(UTC))


def _apply(client: Client, intake: Intake, dimensions: Dimensions) -> None:
    """Take in again what was held back: the field is sent, and these records have it not."""
    if any(intake.run.tally.sent[f"{name}\t{WITHHELD}"] for name in SAID_OF_SURVEYS):
        dimensions.read_surveys()
    if failed := take_by_id(client, intake, list(intake.run.tally.withheld)):
        intake.run.problems.append(
            f"{len(failed)} conversations could not be asked for once more, as was needed to believe what they lack."
            " The next run tries again."
        )


def _problems(gone: dict[str, Entry], tally: Tally) -> Iterator[str]:
    if gone:
        # What was in an object that is gone is gone with it.
        outer = [entry for name, entry in gone.items() if name.rpartition(".")[0] not in gone]
        named = [_lost(entry, tally.sent) for entry in outer[:MOST_FIELDS_NAMED]]
        others = f", and {len(outer) - MOST_FIELDS_NAMED} other fields" if len(outer) > MOST_FIELDS_NAMED else ""
        yield f"The vendor changed what it sends: {', '.join(named)}{others}. What was stored stays as it was. {ACCEPT}"
    if tally.contradictions:
        said = ", ".join(sorted(tally.contradictions)[:MOST_FIELDS_NAMED])
        yield f"Messages that cannot be what the vendor says they are ({said}) were not stored. {ACCEPT}"


def _lost(entry: Entry, sent: Counter[str]) -> str:
    kinds = by_path(sent).get(entry.name, Counter())
    how = "can no longer be read" if kinds[UNREAD] else "is no longer sent"
    return f"{entry.name} {how} ({entry.share:.0%} of the records told it)"


def _renewed(intake: Intake, expected: Expected, gone: dict[str, Entry]) -> dict[str, Entry]:
    """Return the contract as it is after the run, by name."""
    run = intake.run
    sent = _bounded(run, expected)
    entries = dict(expected.entries)
    for name in sorted(sent.keys() | entries.keys()):
        sent_as = name.partition(".")[0]
        records = run.tally.sent[sent_as]
        of_everything = run.selection is None or sent_as not in OF_CONVERSATIONS
        if records and (of_everything or name in entries):
            kinds = sent.get(name, Counter())
            new = _entry(name, run, records, told(name, kinds), kinds.keys() & KIND_NAMES)
            entries[name] = _merged(entries[name], new, of_everything) if name in entries else new
    return entries | gone


def _bounded(run: Run, expected: Expected) -> dict[str, Counter[str]]:
    """Return {name: {kind: how many}} of what was sent, of fields that no column takes only so many."""
    unknown = Counter(entry.sent_as for entry in expected.entries.values() if not entry.taken)
    named: dict[str, Counter[str]] = {}
    for name, kinds in sorted(by_path(run.tally.sent).items()):
        sent_as, _, path = name.partition(".")
        if sent_as not in SENT:
            continue
        unknown[sent_as] += name not in expected.entries and not SENT[sent_as].takes(path)
        if name in expected.entries or SENT[sent_as].takes(path) or unknown[sent_as] <= MOST_UNKNOWN:
            named[name] = kinds
    return named


def _entry(name: str, run: Run, records: int, having: int, kinds: Iterable[str] = ()) -> Entry:
    sent_as, _, path = name.partition(".")
    share = min(having / records, 1)
    return Entry(sent_as, path, tuple(sorted(kinds)), records, share, SENT[sent_as].takes(path), run.run_id, run.run_id)


def _merged(old: Entry, new: Entry, of_everything: bool) -> Entry:
    """Return what is known of a field now; a selection says nothing of its share."""
    was = min(old.records, MOST_RECORDS)
    records = was + new.records if of_everything else old.records
    share = (old.share * was + new.share * new.records) / records if of_everything else old.share
    return replace(
        old,
        kinds=tuple(sorted({*old.kinds, *new.kinds})),
        records=records,
        share=share,
        last_run_id=new.last_run_id if new.kinds else old.last_run_id,
    )


def _add_words(entries: dict[str, Entry], run: Run) -> None:
    """Remember what was accepted of messages that contradict themselves."""
    if words := run.tally.contradictions - {OF_ANOTHER_TYPE}:
        old = entries.get(TYPES) or _entry(TYPES, run, 1, 0)
        entries[TYPES] = replace(old, kinds=tuple(sorted({*old.kinds, *words})))
