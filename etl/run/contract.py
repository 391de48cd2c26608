"""Compares what a run was sent with what the vendor has sent so far, says what is missing, and remembers what came.

A field that a tenth or more of the records had, and that now none has, is no news about the records: the vendor has
renamed it, or sends it in a kind that cannot be read. Nothing is overwritten by that, and the run is not complete.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

from etl.extract.client import Client
from etl.load import contract, conversations
from etl.load.acceptances import FaultKind
from etl.load.contract import Entry
from etl.load.journal import Run
from etl.load.tally import Tally
from etl.run.accepted import Accepted
from etl.run.dimensions import Dimensions
from etl.run.expected import ACCEPTED, GONE, SAID_OF_SURVEYS, TYPES, Expected
from etl.run.gone_fields import OF_CONVERSATIONS, entry_of, find_gone
from etl.run.intake import Intake
from etl.run.pipeline import take_by_id
from etl.run.saving import OF_ANOTHER_TYPE
from etl.transform.entities import SENT
from etl.transform.observed import KIND_NAMES, UNREAD, WITHHELD, by_path, told

# Of so many conversations at a time.
STATES_AT_ONCE = 1_000
# Older runs count less and less.
MOST_RECORDS = 100_000
# Names that no column takes, kept for each kind of record: a server may make them up.
MOST_UNKNOWN = 200
MOST_FIELDS_NAMED = 5
ACCEPT = "If the vendor means it so, run `etl sync --accept-contract` once; `etl check --contract` shows what it sends."


def settle(intake: Intake, dimensions: Dimensions, accepted: Accepted, accept: bool) -> None:
    """Judge what a run was not sent, read again what was held back without need, and save what was sent.

    accepted: what is known to be gone. accept: believe it.
    """
    client, run, expected = intake.histories.client, intake.run, intake.writer.known.expected
    gone = {entry.name: entry for entry in find_gone(client, intake, dimensions.listed)}
    if not accept:
        expected.still_miss(gone)
        _note_states(intake, gone)
        _apply(client, intake, dimensions, gone)
        run.problems += _problems(_unknown(gone, run.tally, accepted), run.tally, expected)
    entries = _renewed(run, expected)
    if accept:
        gone |= {name: entry for name, entry in expected.entries.items() if GONE in entry.kinds}
        _add_words(entries, run)
    entries |= {name: _marked(expected.entries[name], accept=True, unread=False) for name in expected.left}
    unread = {name for name, kinds in by_path(run.tally.sent).items() if kinds[UNREAD]}
    entries |= {name: _marked(entry, accept=accept, unread=name in unread) for name, entry in gone.items()}
    with intake.writer.transaction() as connection:
        contract.write(connection, run.account_id, entries.values())
    for one in accepted.of_kind(FaultKind.CONTRACT):
        if one.what in entries and GONE not in entries[one.what].kinds:
            accepted.is_over(one.kind, one.what, "it is sent again, or `etl sync --accept-contract` has believed it")


def _unknown(gone: Mapping[str, Entry], tally: Tally, accepted: Accepted) -> dict[str, Entry]:
    """Return the fields that are gone but those that are known to be: what was in an object is known with it."""
    kinds = by_path(tally.sent)
    known = {
        one.what
        for one in accepted.of_kind(FaultKind.CONTRACT)
        if one.what in gone and accepted.knows_field(one, how(kinds[one.what][UNREAD] if one.what in kinds else 0))
    }
    return {name: entry for name, entry in gone.items() if not any(f"{name}.".startswith(f"{one}.") for one in known)}


def how(unread: int) -> str:
    """Return in which way a field is gone; unread: how many of its values could not be read."""
    return "can no longer be read" if unread else "is no longer sent"


def _marked(entry: Entry, *, accept: bool, unread: bool) -> Entry:
    """Return the entry of a field that is gone: kept as it was until that is accepted."""
    if not accept:
        # In which way it is gone, for whoever accepts just that (`etl accept`).
        return replace(entry, kinds=tuple(sorted({*entry.kinds, GONE} - {UNREAD} | ({UNREAD} if unread else set()))))
    kinds = {*entry.kinds, ACCEPTED} - {GONE} | ({UNREAD} if unread or UNREAD in entry.kinds else set())
    return replace(entry, kinds=tuple(sorted(kinds)), records=0, share=0.0)


def _note_states(intake: Intake, gone: Mapping[str, Entry]) -> None:
    """Note the states of what stays held back, as they are now: until here they might have become others."""
    withheld = sorted({one for name in gone for one in intake.run.tally.withheld.get(name, ())})
    for first in range(0, len(withheld), STATES_AT_ONCE):
        with intake.writer.transaction() as connection:
            block = withheld[first : first + STATES_AT_ONCE]
            conversations.save_states(connection, intake.run.account_id, block, intake.run.clock.now())


def _apply(client: Client, intake: Intake, dimensions: Dimensions, gone: Mapping[str, Entry]) -> None:
    """Take in again what was held back for fields that are sent, and that these records have not."""
    tally = intake.run.tally
    if any(tally.sent[f"{name}\t{WITHHELD}"] for name in SAID_OF_SURVEYS.keys() - gone.keys()):
        dimensions.read_surveys()
    ids = {one for name, withheld in tally.withheld.items() if name not in gone for one in withheld}
    if failed := take_by_id(client, intake, sorted(ids)):
        intake.run.problems.append(
            f"{len(failed)} conversations could not be asked for once more, as was needed to believe what they lack."
            " The next run tries again."
        )


def _problems(gone: Mapping[str, Entry], tally: Tally, expected: Expected) -> Iterator[str]:
    if gone:
        # What was in an object that is gone is gone with it.
        outer = [entry for name, entry in gone.items() if name.rpartition(".")[0] not in gone]
        named = [_lost(entry, tally.sent, expected) for entry in outer[:MOST_FIELDS_NAMED]]
        others = f", and {len(outer) - MOST_FIELDS_NAMED} other fields" if len(outer) > MOST_FIELDS_NAMED else ""
        yield f"The vendor changed what it sends: {', '.join(named)}{others}. What was stored stays as it was. {ACCEPT}"
    if tally.contradictions:
        said = ", ".join(sorted(tally.contradictions)[:MOST_FIELDS_NAMED])
        yield f"Messages that cannot be what the vendor says they are ({said}) were not stored. {ACCEPT}"


def _lost(entry: Entry, sent: Counter[str], expected: Expected) -> str:
    kinds = by_path(sent).get(entry.name, Counter())
    known = expected.entries.get(entry.name)
    why = f"{entry.share:.0%} of the records told it" if known and known.share else "though there should be some"
    return f"{entry.name} {how(kinds[UNREAD])} ({why})"


def _renewed(run: Run, expected: Expected) -> dict[str, Entry]:
    """Return the contract as it is after the run, by name."""
    sent = _bounded(run, expected)
    entries = dict(expected.entries)
    for name in sorted(sent.keys() | entries.keys()):
        sent_as = name.partition(".")[0]
        records = run.tally.sent[sent_as]
        of_everything = run.selection is None or sent_as not in OF_CONVERSATIONS
        if records and sent_as in SENT and (of_everything or name in entries):
            kinds = sent.get(name, Counter())
            new = entry_of(name, run, records, told(name, kinds), kinds.keys() & KIND_NAMES)
            entries[name] = _merged(entries[name], new, of_everything) if name in entries else new
    return entries


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


def _merged(old: Entry, new: Entry, of_everything: bool) -> Entry:
    """Return what is known of a field now; a selection says nothing of its share.

    What was accepted as gone is as any other field when it comes again, but for what cannot be read: of that what was
    left alone would seem to be read.
    """
    if ACCEPTED in old.kinds and (UNREAD in old.kinds or not new.share):
        return old
    if not new.share and old.sent_as not in OF_CONVERSATIONS:
        return old  # of the few that a night brings: many such nights would end the protection
    was = min(old.records, MOST_RECORDS)
    records = was + new.records if of_everything else old.records
    share = (old.share * was + new.share * new.records) / records if of_everything and records else old.share
    return replace(
        old,
        kinds=tuple(sorted({*old.kinds, *new.kinds} - {GONE, ACCEPTED, UNREAD})),
        records=records,
        share=share,
        last_run_id=new.last_run_id if new.kinds else old.last_run_id,
    )


def _add_words(entries: dict[str, Entry], run: Run) -> None:
    """Remember what was accepted of messages that contradict themselves."""
    if words := run.tally.contradictions - {OF_ANOTHER_TYPE}:
        old = entries.get(TYPES) or entry_of(TYPES, run, 1, 0)
        entries[TYPES] = replace(old, kinds=tuple(sorted({*old.kinds, *words})))
