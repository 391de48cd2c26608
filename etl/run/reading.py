"""Goes through the pages of a run: of what changed, with a proof by counts, or of everything that is selected."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from etl.errors import VendorError
from etl.extract.filters import counted_by
from etl.extract.recent import Recent
from etl.extract.walk import Page, Span
from etl.load import journal
from etl.load.journal import Run
from etl.run.counted import CountProof
from etl.run.intake import Intake
from etl.run.ledger import Ledger
from etl.run.pipeline import count_requests, take_in, walks
from etl.selection import Selection

Pages = Iterator[tuple[str, Page]]
Watch = Callable[[Run, str, Page], None]


@dataclass(frozen=True)
class Reader:
    """How a run reads pages, and what the summary has to tell of them."""

    ledger: Ledger
    intake: Intake
    selection: Selection
    watch: Watch

    def read(self, since: datetime | None, share: Callable[[], Pages | None]) -> None:
        """Read what is selected, or what changed since a time.

        A run over everything proves then by counts that nothing else is missing, or walks every page after all.
        share: reads together with other processes, or gives None to have this one do it.
        """
        client, now, known = self.ledger.client, self.intake.run.clock.now, self.ledger.stubborn.known_failures
        recent = Recent(client, self.intake.pool, since, now, known) if since else None
        if recent and not self.selection.recent:
            self._prove(recent)
        else:
            self._go_through(share() or self._walk(recent))
            self.intake.run.sees_silent_moves = recent.sees_silent_moves if recent else None

    def _prove(self, recent: Recent) -> None:
        proof = CountProof(self.intake, self.ledger, recent, lambda again: self._go_through(self._walk(again)))
        if not proof.prove():
            self.intake.run.notes.append(f"Every page was walked, as counts did not prove enough: {proof.why}.")
            self._go_through(self._walk(None))

    def _walk(self, recent: Recent | None) -> Pages:
        """Return the pages of what is selected, taken in as they come."""
        whole = Span(known_failures=self.ledger.stubborn.known_failures)
        chosen = walks(self.ledger.client, self.intake, self.selection, recent, whole)
        return take_in(self.intake, self.selection, chosen)

    def _go_through(self, pages: Pages) -> None:
        """Go through the pages that are taken in, and record what the summary tells of them."""
        run = self.intake.run
        failed: list[Page] = []
        any_read = False
        for name, page in pages:
            run.tally.pages += 1
            failed += [page] if page.failed else []
            any_read = any_read or bool(page.payloads)
            if page.is_last:
                self._end(name, page)
            count_requests(self.ledger.client, run)
            self.watch(run, name, page)
        if failed and not any_read:
            raise VendorError(f"No page of conversations could be read. The first: {failed[0].failed}")
        self._say_failed(failed)

    def _end(self, name: str, page: Page) -> None:
        """Keep the vendor's counts at the end of a walk, and say what it skipped where nothing else tells."""
        run = self.intake.run
        if run.selection is None:
            journal.save_counts(self.intake.engine, run, name, page.counts)
        skipped = page.counts.get(counted_by(self.selection) or "", 0) - page.distinct
        if skipped > 0 and run.selection and not self.selection.recent:
            run.problems.append(f"The pages of {name} skipped {skipped} conversations that the vendor counts.")

    def _say_failed(self, failed: list[Page]) -> None:
        """Say which pages could not be read.

        The ledger asks for the conversations of such pages one by one; a selection has none. Nobody should refuse any.
        """
        run = self.intake.run
        if refused := [page.failed for page in failed if page.refused]:
            run.problems.append(f"{len(refused)} pages were refused, and not by the vendor. The first: {refused[0]}")
        if broken := [page.failed for page in failed if not page.refused]:
            said = f"{len(broken)} pages could not be read. The first: {broken[0]}"
            told = run.problems if run.selection else run.notes
            told += [said] * (said not in told)  # in several rounds the same ones may fail
