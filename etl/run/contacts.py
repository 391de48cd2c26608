"""Accounts for every contact that the vendor lists: its whole list, and one by one what the list does not show.

Contacts without an e-mail address, a phone number or an identifier are in no list: conversations tell these. Who was
listed and no longer is, is asked for by itself: gone, when the vendor says so.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from etl.database.engine import transaction
from etl.errors import VendorError
from etl.extract.client import Client
from etl.extract.contacts import COUNT, NEWEST_FIRST, count_contacts, walk_contacts
from etl.extract.recent import RECENT_PAGES_AHEAD
from etl.load import contacts
from etl.load.contacts import Doubted
from etl.load.journal import Run
from etl.run.contact_list import MOST_CONTACTS_ASKED, Listing
from etl.run.dimensions import Dimensions
from etl.run.entries import SUSPICIOUS_DELETIONS, SUSPICIOUS_SHARE
from etl.run.intake import Intake
from etl.run.ledger import ASKED_AT_ONCE

THE_CONTACTS = "contacts without a conversation, and which contacts are gone (conversations tell the others)"
NEWEST = "contacts that changed without a conversation (the next run over everything reads all)"


def account_for_contacts(client: Client, intake: Intake, dimensions: Dimensions, accept_deletions: bool) -> None:
    """Read the whole list of contacts, account for it, and note who is gone and who was merged into whom."""
    if intake.settings.contacts != "all":
        return
    listing = Listing(client, intake)
    try:
        listing.read()
    except VendorError as error:
        listing.save_taken()
        dimensions.missed.add(THE_CONTACTS, error)
        dimensions.missed.say(dimensions.run)
        return
    finally:
        intake.settle()
    _Accounting(listing, intake.run, accept_deletions).settle()


def prove_contacts(dimensions: Dimensions, intake: Intake, since: datetime, accept_deletions: bool) -> None:
    """Read the contacts that were active since a time, and all where the vendor counts others than the tables have."""
    counted = read_newest(dimensions.client, intake, dimensions, since)
    with transaction(intake.engine) as connection:
        held = contacts.count_listed(connection, intake.run.account_id)
    if counted == held:
        intake.run.contact_ledger = {"counted": held, "loaded": held, "gone": 0, "not_shown": 0}
    else:
        account_for_contacts(dimensions.client, intake, dimensions, accept_deletions)


def read_newest(client: Client, intake: Intake, dimensions: Dimensions, since: datetime) -> int | None:
    """Read the contacts that were active since a time: their edits move no conversation's clock.

    Return how many the vendor counts, None where it is not known.
    """
    if intake.settings.contacts != "all":
        return None
    listing, counted = Listing(client, intake), None
    try:
        for page in walk_contacts(client, intake.pool, NEWEST_FIRST, RECENT_PAGES_AHEAD):
            listing.take(page)
            counted = page.counts.get(COUNT, counted)
            if page.payloads and all(_was_active_before(payload, since) for payload in page.payloads):
                break
    except VendorError as error:
        dimensions.missed.add(NEWEST, error)
        dimensions.missed.say(dimensions.run)
    listing.save_taken()
    intake.settle()
    return counted


def find_again(intake: Intake) -> None:
    """Take the tombstones off contacts of whom a conversation was met since: also where no list of contacts is read."""
    with intake.writer.transaction() as connection:
        contacts.lift_tombstones(connection, intake.run.account_id)


def _was_active_before(payload: Any, since: datetime) -> bool:
    """Return whether a contact was last active before a time, or never: these come last, whatever the direction."""
    active = payload.get("last_activity_at") if isinstance(payload, dict) else None
    return not isinstance(active, int | float) or active < since.timestamp()


@dataclass(frozen=True)
class _Accounting:
    """The accounting of one reading of the list."""

    listing: Listing
    run: Run
    accept_deletions: bool

    def settle(self) -> None:
        """Ask for whom the list should have shown, set tombstones on who is gone, and account for the vendor's count.

        When so many are no longer listed that the token is doubted, a few are asked for, and nobody is marked as gone.
        """
        listing, account_id = self.listing, self.run.account_id
        with transaction(listing.intake.engine) as connection:
            doubted = contacts.doubted(connection, account_id, listing.seen)
            held = contacts.count_listed(connection, account_id)
        many = len(doubted.listed)
        is_suspicious = not self.accept_deletions and many > max(SUSPICIOUS_DELETIONS, SUSPICIOUS_SHARE * held)
        found, gone = listing.ask(self._chosen(doubted, is_suspicious))
        gone = self._believed(gone, bool(found))
        is_doubted = is_suspicious and bool(gone)
        if is_suspicious:
            self._say_how_many(many, held, any_gone=is_doubted, is_hiding=any(map(_has_address, found)))
            gone = set()
        filled = min(listing.missing, sum(map(_has_address, found)))
        listing.save(found, listed=is_suspicious or listing.missing > 0)
        listing.intake.settle()
        with listing.intake.writer.transaction() as connection:
            contacts.mark_deleted(connection, account_id, gone | listing.gone, self.run.clock.now())
            contacts.note_merges(connection, account_id)
        # Of a doubted list no later run may say that whoever it did not show was there.
        ledger = self._add_up(filled)
        self.run.contact_ledger = None if is_doubted else ledger

    def _say_how_many(self, many: int, held: int, *, any_gone: bool, is_hiding: bool) -> None:
        """Say that many are no longer listed: a problem where some are gone, and a note where the list hides some."""
        if any_gone:
            self.run.problems.append(
                f"{many} of {held} known contacts are no longer listed. That looks like a token that lost its scope, or"
                " another account, so none was marked as deleted. If they really were deleted, run"
                " `etl sync --accept-deletions` once."
            )
        elif is_hiding:
            self.run.notes.append(
                f"{many} of {held} known contacts are no longer listed, and those that were asked for are there: the"
                " list does not show all. Contacts that it hides are known as far as conversations tell them."
            )

    def _believed(self, gone: set[int], any_found: bool) -> set[int]:
        """Return who is gone; nobody, where the server shows no contact by itself.

        Nor whoever is with a conversation that this run has seen: it says that there is such a contact. Where one was
        deleted meanwhile, the next run sees that.
        """
        is_believed = any_found or self.accept_deletions or not (gone or self.listing.gone)
        if is_believed or self.listing.shows_single_ones():
            with transaction(self.listing.intake.engine) as connection:
                pairs = contacts.conversations_with(connection, self.run.account_id, gone)
            shown = {contact_id for contact_id, conversation_id in pairs if conversation_id in self.run.tally.seen}
            if shown:
                self.run.notes.append(
                    f"{len(shown)} contacts are not found by themselves, and are with conversations that this run has"
                    " seen: they are not believed to be gone."
                )
            return gone - shown
        self.run.notes.append("The server does not show single contacts: which of them are gone is not known.")
        self.listing.gone.clear()
        return set()

    def _chosen(self, doubted: Doubted, is_suspicious: bool) -> list[int]:
        """Return whom to ask for: a sample where so many are missing, else only so many in one run."""
        if is_suspicious:
            return doubted.listed[-ASKED_AT_ONCE:]
        chosen = [*doubted.listed, *doubted.others]
        if len(chosen) <= MOST_CONTACTS_ASKED or self.accept_deletions:
            return chosen
        self.run.notes.append(
            f"{len(chosen)} contacts are not listed, and may be gone: {MOST_CONTACTS_ASKED} of them were asked for, and"
            " the next runs go on."
        )
        return chosen[:MOST_CONTACTS_ASKED]

    def _add_up(self, filled: int) -> dict[str, int] | None:
        """Return {counted, loaded, gone, not_shown}; counted is the sum of the others.

        filled: how many that no page showed were had one by one.
        """
        listing, run, present = self.listing, self.run, self.listing.present + filled
        if not listing.counts:
            said = "The vendor does not count its contacts"
            if listing.false_count:
                said = "The vendor counts {} contacts, and shows {} in one order".format(*listing.false_count)
            run.notes.append(f"{said}: whether the list has shown all is not known.")
            return None
        last = listing.counts[-1]
        if present != last or min(listing.counts) != max(listing.counts):
            with suppress(VendorError):
                last = count_contacts(listing.client) or last
        parts = {
            "loaded": min(present, last),
            "gone": len(listing.gone) + max(0, present - last),
            "not_shown": max(0, last - present),
        }
        ledger = {"counted": sum(parts.values()), **parts}
        if parts["not_shown"]:
            self._say_what_is_not_shown(ledger, is_moving=len({*listing.counts, last}) > 1)
        return ledger

    def _say_what_is_not_shown(self, ledger: dict[str, int], *, is_moving: bool) -> None:
        hidden = ledger["not_shown"]
        if self.listing.failed:
            self.run.notes.append(
                f"{hidden} contacts are on pages that could not be read, or on none; the next run tries again. The"
                f" first: {self.listing.failed[0]}"
            )
        elif is_moving:
            self.run.notes.append(f"Contacts came or went while they were listed: {hidden} are left to the next run.")
        else:
            self.run.problems.append(
                f"The vendor counts {ledger['counted']} contacts, and shows {hidden} of them in no order."
            )


def _has_address(payload: Any) -> bool:
    """Return whether a contact has what the vendor lists contacts by."""
    names = ("email", "phone_number", "identifier")
    return isinstance(payload, dict) and any(payload.get(name) for name in names)
