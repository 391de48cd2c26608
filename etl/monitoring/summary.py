"""The summary of a run, for people, as JSON, and as a line of a log that is JSON."""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from etl import logs, steady_output
from etl.exit_codes import Outcome
from etl.load.acceptances import FaultKind
from etl.load.journal import COUNTS, WALK, Run
from etl.load.tally import COUNTED, NOTHING, Tally
from etl.monitoring.console import (
    ATTENTION,
    LABEL_WIDTH,
    output,
    print_facts,
    print_json,
    print_said,
    spell_pages,
    spell_seconds,
)
from etl.monitoring.run_history import LEDGER

log = logging.getLogger(__name__)

MOST_NAMED = 5
CONTACTS = {"loaded": "loaded", "gone": "gone meanwhile", "not_shown": "not shown"}
PROOFS = {
    WALK: "every page was walked",
    COUNTS: "what changed was read, and the vendor's counts of the four statuses agree",
}
AUDIT = {"read": "read", "witnessed": "from the search alone", "unaccounted": "unaccounted"}


def print_run(run: Run, as_json: bool) -> None:
    """Print a run to standard output: as a summary for people, or as one JSON object and nothing else.

    Where that cannot be written, the log says so, once, and the exit code stays the run's.
    """
    if as_json:
        # Flushed, as other accounts may follow for hours.
        print_json(run_to_json(run))
    else:
        print_summary(run, output())
    if as_json or logs.is_json():
        _log_run(run)
    if why := steady_output.excused_loss():
        log.warning(
            "The summary could not be written: %s. The run is not touched by it: `etl runs --run %d` shows it.",
            why,
            run.run_id,
        )


def _log_run(run: Run) -> None:
    """Log what the summary tells, for whoever reads the log alone."""
    for problem in run.problems:
        log.error("problem: %s", problem)
    for note in run.notes:
        log.info("note: %s", note)
    if logs.is_json():
        said = f"Run {run.run_id} of account {run.account_id}: {run.kind} {run.outcome}."
        log.info("%s", said, extra={"summary": run_to_json(run)})


def run_to_json(run: Run) -> dict[str, Any]:
    """Return the run as `--json` prints it; times in ISO 8601 (UTC), ledger null for a selection."""
    return {
        "run_id": run.run_id,
        "account_id": run.account_id,
        "kind": run.kind,
        "outcome": run.outcome,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "seconds": round(run.seconds, 3) if run.finished_at or run.outcome == Outcome.RUNNING else None,
        **_figures(run.tally),
        "proof": run.proof,
        "ledger": run.ledger,
        "audit": run.audit,
        "contact_ledger": run.contact_ledger,
        "books": run.books,
        "known": run.known,
        "unseen": run.unseen,
        "notes": run.notes,
        "problems": run.problems,
    }


def _figures(tally: Tally) -> dict[str, Any]:
    told = tally.told()
    before = ("requests", "retries", "pages")
    return (
        {name: told.pop(name) for name in before}
        | tally.counts
        | told
        | {"unknown_fields": sorted(tally.unknown_fields)}
    )


def print_summary(run: Run, console: Console, has_figures: bool = True) -> None:
    """Print a run: its outcome first, then problems and notes, then the figures unless the journal lacks them."""
    colours = {Outcome.COMPLETE: "green", Outcome.INCOMPLETE: ATTENTION, Outcome.RUNNING: "default"}
    colour = colours.get(run.outcome, "red")
    console.print(
        Text.assemble(
            f"Run {run.run_id} · {run.kind} of account {run.account_id} · ",
            (run.outcome, f"bold {colour}"),
            f" after {spell_seconds(run.seconds)}" if run.finished_at or run.outcome == Outcome.RUNNING else "",
        )
    )
    for problem in run.problems:
        print_said("problem", problem, console, style=f"bold {colour}")
    for note in run.notes:
        print_said("note", note, console)
    if has_figures:
        _print_counts(run, console)
        print_facts(_facts(run), console)


def _print_counts(run: Run, console: Console) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("", min_width=LABEL_WIDTH)
    for change in NOTHING:
        table.add_column(change, justify="right")
    for name in COUNTED:
        table.add_row(name, *(f"{run.tally.counts[name][change]:,}" for change in NOTHING))
    console.print(Padding.indent(table, 2))


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    if run.ledger:
        parts = LEDGER[1:]  # the first is their sum
        sum_of = " + ".join(f"{run.ledger[name]:,} {name}" for name in parts if run.ledger[name] or name == "loaded")
        # What lies in jumps of the numbers has no column: a note names it.
        jumped = run.ledger["highest_id"] - sum(run.ledger[name] for name in parts)
        between = f" + {jumped:,} in jumps, not asked for" if jumped else ""
        yield "ledger", f"{run.ledger['highest_id']:,} ids = {sum_of}{between}"
    if run.known:
        yield "accepted", spell_known(run.known)
    if run.proof:
        yield "proof", PROOFS[run.proof]
    if held := run.contact_ledger:
        added = [f"{held[name]:,} {said}" for name, said in CONTACTS.items() if held[name] or name == "loaded"]
        yield "contacts", f"{held['counted']:,} listed = {' + '.join(added)}"
    if run.audit:
        read = " + ".join(
            f"{run.audit[name]:,} {said}" for name, said in AUDIT.items() if run.audit[name] or name == "read"
        )
        yield "audit", f"{run.audit['messages']:,} messages of {run.audit['conversations']:,} conversations = {read}"
    if run.books:
        yield "books", _spell_books(run.books)
    retries = f", {run.tally.retries:,} of them retries" if run.tally.retries else ""
    yield "requests", f"{run.tally.requests:,}{retries} · {spell_pages(run.tally.pages)}"
    if run.tally.rejected:
        yield "rejected", f"{run.tally.rejected:,} records (table rejected_records)"
    if run.tally.unknown_fields:
        yield "kept in extra", ", ".join(sorted(run.tally.unknown_fields))


def spell_known(known: dict[str, list[str]]) -> str:
    """Spell out what is not complete and was accepted: how many, and which, the first of them."""
    names = [FaultKind(kind).name_one(what) for kind, several in sorted(known.items()) for what in several]
    return f"{len(names)} known: {name_some(names)} (etl accept)"


def name_some(names: Sequence[str]) -> str:
    """Name the first of what is told of by its number."""
    return ", ".join(names[:MOST_NAMED]) + (" ..." if len(names) > MOST_NAMED else "")


def _spell_books(books: dict[str, dict[str, int]]) -> str:
    """Spell out how many messages the vendor and the tables count, and conversations, where these differ."""
    sides = ("vendor", "ours")
    messages = {side: sum(books[name][side] for name in books if name.endswith("_messages")) for side in sides}
    said = f"{messages['ours']:,} of {messages['vendor']:,} messages agree"
    if messages["vendor"] != messages["ours"]:
        said = f"{messages['vendor']:,} messages at the vendor, {messages['ours']:,} in the tables"
    elif days := sum(books[name].get("days", 0) for name in books if name.endswith("_messages")):
        said = f"{messages['ours']:,} of {messages['vendor']:,} messages, and {days:,} days that differ"
    conversations = books.get("conversations", dict.fromkeys(sides, 0))
    if conversations["vendor"] != conversations["ours"]:
        said += f"; conversations {conversations['vendor']:,} and {conversations['ours']:,}"
    return said
