"""How what was verified is printed, for people and as JSON, and how far it is while it goes on."""

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from etl.exit_codes import Outcome
from etl.monitoring.console import output, print_facts, print_json, print_table, spell_seconds
from etl.monitoring.progress import SECONDS_BETWEEN_LINES
from etl.privacy.rules import RULES
from etl.run.bounds import CONFIDENCE, Share
from etl.run.findings import Counted

if TYPE_CHECKING:
    from etl.load.differing import Differing
    from etl.run.verify import Tell, Verification

log = logging.getLogger(__name__)

NAMES = {"conversations": "conversation", "messages": "message", "attachments": "attachment"}
SHOWN, LONGEST_VALUE = 50, 40
# In the place of a value that may be personal: what is printed may be kept where the tables' rules do not reach.
NOT_SHOWN = "(not shown)"
REQUESTS_EACH = 2


def print_verification(found: "Verification", as_json: bool) -> None:
    """Print what was compared: for people, or as one JSON object and nothing else."""
    if as_json:
        print_json(to_json(found))
        return
    from rich.padding import Padding
    from rich.text import Text

    screen = output()
    is_well = found.outcome == Outcome.COMPLETE
    said, colour = _verdict(found), "green" if is_well else "yellow"
    screen.print(Text.assemble(f"Account {found.account_id} · ", (said, f"bold {colour}")))
    for problem in [*found.findings.failures[:SHOWN], *found.faults]:
        screen.print(Padding.indent(Text(problem, style=colour), 2))
    for note in found.remarks:
        screen.print(Padding.indent(Text(note), 2))
    print_facts(_facts(found), screen)
    if found.findings.differences:
        print_table(("what", "id", "field", "stored", "the vendor's"), map(_row, found.findings.differences[:SHOWN]))
    if found.findings.number > SHOWN:
        screen.print(f"and {found.findings.number - SHOWN:,} more")


def _verdict(found: "Verification") -> str:
    findings = found.findings
    if findings.to_repair:
        said = f"{findings.number:,} differences in {len(findings.to_repair):,} conversations"
        return said if found.repaired is None else f"{said}, of which {found.repaired:,} are equal now"
    if findings.unreadable:
        return f"no difference, but {findings.unreadable:,} conversations could not be read again"
    return "equal" if found.outcome == Outcome.COMPLETE else "nothing could be compared"


def _facts(found: "Verification") -> Iterator[tuple[str, str]]:
    findings, draws = found.findings, found.wanted.draws
    yield "messages", f"{_counted(found.messages, findings.messages, 0)}, with their attachments"
    yield "", _statement(found.messages, "messages differ", draws)
    yield (
        "conversations",
        f"{_counted(found.conversations, findings.conversations, findings.unproved)}, with their whole histories",
    )
    yield "", _statement(found.conversations, "conversations differ, or lack a message", draws)
    yield "fields", f"{findings.fields:,} compared, of both"
    if findings.unproved:
        yield (
            "unproved",
            f"of {findings.unproved:,} this server cannot show that it has no more messages: `etl sync --audit`",
        )
    if draws:
        yield "seed", f"{found.wanted.seed}: --seed {found.wanted.seed} draws the same of the same tables"
    took = f" · {spell_seconds((found.finished_at - found.started_at).total_seconds())}" if found.finished_at else ""
    yield "requests", f"{found.requests:,}{took}"


def _counted(share: Share, counted: Counted, unproved: int) -> str:
    among = f" of {share.population:,}" if share.drawn < share.population else ""
    changed = f", {counted.changed:,} changed since they were read" if counted.changed else ""
    unread = share.drawn - share.compared - counted.changed - unproved
    left = f", {unread:,} could not be read" if unread else ""
    return f"{share.compared:,}{among} compared, {share.differing:,} differ{changed}{left}"


def _statement(share: Share, what: str, draws: bool) -> str:
    bound = share.bound
    if bound is None:
        return "none was compared, so that nothing is said of them"
    if share.is_whole:
        return f"that is all of them: {'none' if not bound else f'at most {percent(bound)}'} of the {what}"
    return f"with {CONFIDENCE:.0%} confidence at most {percent(bound)} of the {what}" if draws else ""


def percent(share: float) -> str:
    """Write a share as percent with two digits, rounded up: what is said never is less than what holds."""
    if share <= 0:
        return "0 %"
    exponent = floor(log10(share * 100)) - 1
    value = min(ceil(share * 100 / 10.0**exponent - 1e-9) * 10.0**exponent, 100.0)
    return f"{value:.{max(0, -exponent)}f} %"


def _row(difference: "Differing") -> tuple[str, ...]:
    values = (_shortened(value) for value in _values(difference))
    return NAMES[difference.table], str(difference.id), difference.field, *values


def _values(difference: "Differing") -> tuple[str | None, str | None]:
    """Return what is shown of a difference: nothing of what a rule of privacy is about, whatever the settings."""
    if difference.field in RULES.get(difference.table, {}):
        return NOT_SHOWN, NOT_SHOWN
    return difference.stored, difference.given


def _shortened(value: str | None) -> str:
    if value is None:
        return "NULL"
    line = " ".join(value.split())
    return line if len(line) <= LONGEST_VALUE else f"{line[: LONGEST_VALUE - 3]}..."


def to_json(found: "Verification") -> dict[str, Any]:
    """Return what was compared as `--json` prints it; bound: from 0 to 1, null where nothing was compared."""
    findings, draws = found.findings, found.wanted.draws
    return {
        "account_id": found.account_id,
        "outcome": found.outcome,
        "started_at": found.started_at.isoformat(),
        "finished_at": found.finished_at.isoformat() if found.finished_at else None,
        "selection": found.wanted.chosen(),
        "sample": found.wanted.sample if draws else None,
        "seed": found.wanted.seed if draws else None,
        "confidence": CONFIDENCE if draws else 1.0,
        "messages": _share_to_json(found.messages, findings.messages),
        "conversations": _share_to_json(found.conversations, findings.conversations),
        "fields": findings.fields,
        "unreadable": findings.unreadable,
        "unproved": findings.unproved,
        "repaired": found.repaired,
        "requests": found.requests,
        "differences_found": findings.number,
        "differences": [
            {"what": NAMES[one.table], "id": one.id, "field": one.field, "stored": stored, "vendor": given}
            for one in findings.differences
            for stored, given in [_values(one)]
        ],
        "notes": found.remarks,
        "problems": [*findings.failures, *found.faults],
    }


def _share_to_json(share: Share, counted: Counted) -> dict[str, Any]:
    return {
        "population": share.population,
        "drawn": share.drawn,
        "compared": share.compared,
        "differing": share.differing,
        "changed": counted.changed,
        "bound": share.bound,
    }


@contextmanager
def watching(whose: str = "") -> "Iterator[Tell]":
    """Yield what shows how far it is: a bar on a terminal that vanishes at the end, lines in a pipe.

    whose: names the account where there are several.
    """
    prefix = f"{whose}, " if whose else ""
    if not sys.stderr.isatty():
        yield _Lines(prefix)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{prefix}conversations", total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


class _Lines:
    """Logs how much there is to read, and every ten seconds how much of it is done."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._last = prefix, 0.0

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not done:
            requests = REQUESTS_EACH * total
            log.info("%s%d conversations to read again, in about %d requests", self._prefix, total, requests)
        elif done < total and now - self._last > SECONDS_BETWEEN_LINES:
            log.info("%s%d of %d conversations read again", self._prefix, done, total)
        else:
            return
        self._last = now
