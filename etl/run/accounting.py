"""Accounts for what a run has read: each conversation, what else is listed, each message; says what is missing."""

from datetime import datetime

from etl.database.engine import transaction
from etl.extract.client import Client
from etl.load import ledger_entries
from etl.load.acceptances import FaultKind
from etl.load.journal import COUNTS, WALK
from etl.load.ledger_entries import FORBIDDEN
from etl.run import accepted, contacts, contract, edit_clock, far_ids, members, messages, odd_values
from etl.run.accepted import Accepted
from etl.run.books_surveys import Surveys
from etl.run.dimensions import Dimensions
from etl.run.intake import Intake
from etl.run.ledger import Ledger
from etl.run.patrol import patrol
from etl.run.stubborn import Stubborn
from etl.run.vendor_events import read_events
from etl.selection import Selection


def open_ledger(client: Client, intake: Intake, dimensions: Dimensions) -> Ledger:
    """Return the ledger of conversations of a run, in which nothing is written down yet."""
    asker = ledger_entries.digest_of(intake.settings.api_token.get_secret_value(), dimensions.rights)
    with transaction(intake.engine) as connection:
        stubborn = Stubborn.of(connection, intake.run)
    return Ledger(client, intake.pool, intake.engine, intake.take, intake.run, asker, stubborn)


def settle_accounts(
    ledger: Ledger, intake: Intake, selection: Selection, surveys: Surveys, since: datetime | None
) -> None:
    """Account for every conversation where everything was read, and for every message where that is asked or needed.

    since: from when on a run of what is recent has read.
    """
    client, dimensions = ledger.client, surveys.dimensions
    known = surveys.books.accepted = Accepted.of(intake.engine, intake.run)
    if intake.run.selection is None:
        _account_for_conversations(ledger, selection, dimensions, known)
        if intake.run.proof == COUNTS and since:
            contacts.prove_contacts(dimensions, intake, since, selection.accept_deletions)
        else:
            contacts.account_for_contacts(client, intake, dimensions, selection.accept_deletions)
        dimensions.read_surveys(since if intake.run.proof == COUNTS and surveys.are_counted else None)
        members.settle_agents(dimensions)
        if selection.kind == "sync":
            patrol(intake)
    elif selection.recent and since:
        contacts.read_newest(client, intake, dimensions, since)
        _note_unseen(known)
    if selection.kind == "sync":
        edit_clock.learn(intake)
    contacts.find_again(intake)
    contract.settle(intake, dimensions, known, selection.accept_contract)
    everything = selection.audit and intake.settings.messages == "full"
    if everything or intake.run.tally.unproved:
        messages.account(client, intake, everything)
    known.look_at_records()
    surveys.books.settle()
    surveys.settle()
    messages.say_what_moved(intake.run)
    if selection.kind == "sync":
        read_events(client, intake)
    _say_what_is_missing(intake, known)


def _account_for_conversations(ledger: Ledger, selection: Selection, dimensions: Dimensions, known: Accepted) -> None:
    """Account for every conversation id, those that no page showed included."""
    run, before = ledger.run, len(ledger.run.problems)
    run.proof = run.proof or WALK
    run.ledger = ledger.settle(selection.accept_deletions)
    are_known = accepted.judge_conversations(known, ledger)
    _note_unseen(known)
    if not dimensions.sees_everything:
        run.notes.append("This token does not see everything: it is not an administrator's.")
    elif refused := run.ledger["forbidden"] - len(run.known.get(FaultKind.FORBIDDEN, ())):
        run.notes.append(f"The vendor refuses {refused} conversations to this token.")
    if not (run.tally.seen or dimensions.sees_everything or run.problems[before:]):
        run.problems.append("The token sees no conversation, and is not an administrator's: there may be some.")
    if missing := run.ledger["unaccounted"]:
        run.problems.append(f"Of {missing} of {run.ledger['highest_id']} conversation ids nothing is known.")
    if broken := [why for one, why in ledger.unreadable.items() if one not in are_known]:
        said = f"{len(broken)} conversations could not be read; the next run tries again. The first: {broken[0].said}"
        run.problems.append(said)


def _note_unseen(known: Accepted) -> None:
    """Note which conversations in the tables the run could not see, and say which of them its token is refused."""
    run = known.run
    if run.selection:
        accepted.take_over(known)
    with transaction(known.engine) as connection:
        unseen = ledger_entries.unseen(connection, run.account_id, run.tally.seen)
    run.unseen = list(unseen)
    let_off = run.known.get(FaultKind.FORBIDDEN, [])
    if refused := [one for one, why in unseen.items() if why == FORBIDDEN and str(one) not in let_off]:
        run.notes.append(
            f"{len(refused)} conversations in the tables are refused to this token ({messages.name_some(refused)}):"
            " there and in the figures they are as they were last seen. An administrator's token sees them."
        )


def _say_what_is_missing(intake: Intake, known: Accepted) -> None:
    """Say what the summary has to tell of histories and records."""
    run = intake.run
    if intake.histories.walks_back:
        run.notes.append("The server reads 20 messages at a time, as those before Chatwoot 2.16 do.")
    if intake.settings.messages == "listed":
        run.notes.append("Only the messages that the list carries were read (ETL_MESSAGES=listed).")
    if intake.histories.refused:
        run.problems.append("The server gives no histories at all. ETL_MESSAGES=listed does without them for good.")
    elif run.tally.unread:
        run.problems.append(
            f"{run.tally.unread} histories could not be read completely; the next run tries again."
            f" The first: {run.tally.why}"
        )
    run.notes += odd_values.notes(run.tally, intake.writer.way)
    if run.tally.unknown_fields and intake.writer.way.mode != "keep":
        run.notes.append("What no column holds was not kept either, as it may be personal (ETL_PII).")
    if merged := run.tally.handed_on:
        run.notes.append(
            f"Conversations of a forgotten person now belong to contact {', '.join(map(str, sorted(merged)))}: if the"
            " vendor merged two contacts, that one has to be forgotten, too (`etl forget`)."
        )
    if run.tally.replaced:
        run.notes.append(
            f"{run.tally.replaced} texts held characters that PostgreSQL does not store; they became U+FFFD."
        )
    if run.tally.denied and run.ledger is None:
        run.problems.append(far_ids.said_of_denied(run.tally.denied))
    if unknown := accepted.judge_records(known):
        run.problems.append(f"{unknown} records could not be stored: see the table rejected_records.")
