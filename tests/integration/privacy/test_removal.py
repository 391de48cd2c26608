"""A conversation is removed with every row that names it, and comes back when the vendor shows it."""

from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account, Attachment
from etl.demo.events import delete_conversation
from etl.demo.server import Answer, Request, json_answer, serve
from etl.demo.vendor import Vendor
from etl.errors import AnotherRun, SettingsError
from etl.load import journal
from etl.load.run_lock import hold
from etl.privacy import removal
from tests.etl_process import RunEtl, settings
from tests.personal_data import whole_tables
from tests.scripted_account import account_of, job, walking_job

SURVEY = {
    "id": 71,
    "rating": 4,
    "conversation_id": 2,
    "contact": {"id": 2, "name": "Dana"},
    "created_at": 1_700_000_000,
}
TABLES = ("conversations", "messages", "attachments", "conversation_labels", "conversation_states", "csat_responses")
APART = ("run_id", "first_synced_at", "changed_at", "history_read_at", "valid_from")


def rated() -> Account:
    """Return an account of whose three conversations the second has a file, a label and a rating."""
    account = account_of(3)
    second = account.conversations[2]
    second.labels = ("vip",)
    second.messages[0].attachments = [Attachment(9, "image", data_url="https://files.example.com/9")]
    return account


def surveys(request: Request, answer: Answer) -> Answer:
    if not request.path.endswith("/csat_survey_responses"):
        return answer
    return json_answer([SURVEY] if request.first("page") == "1" else [])


def spoiled(request: Request, answer: Answer) -> Answer:
    if not request.path.endswith("/conversations/2/messages"):
        return surveys(request, answer)
    value = orjson.loads(answer.body)
    value["payload"][0]["private"] = "never"
    return json_answer(value)


def stored(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    tables = whole_tables(engine, *APART)
    return {table: tables[table] for table in TABLES}


def test_every_row_that_names_it_goes_and_all_of_it_comes_back_while_the_vendor_has_it(engine: Engine) -> None:
    with walking_job(rated(), engine, surveys) as scripted:
        scripted.run()
        before = stored(engine)
        assert removal.lengths(engine, 1, [2, 9]) == {2: 3}
        assert removal.remove(engine, 1, [2, 9]) == {
            "attachments": 1,
            "messages": 3,
            "csat_responses": 1,
            "reporting_events": 0,
            "conversation_labels": 1,
            "conversation_states": 1,
            "field_changes": 0,
            "conversations": 1,
            "conversation_ledger": 0,
            "rejected_records": 0,
            "acceptances": 0,
        }
        left = stored(engine)
        others = {
            table: [
                row for row in rows if 2 not in (row.get("conversation_id"), row["id"] if table == TABLES[0] else 0)
            ]
            for table, rows in before.items()
        } | {"attachments": []}
        assert left == others
        run = scripted.run()
        assert (run.outcome, run.problems, stored(engine)) == ("complete", [], before)


@pytest.mark.long
def test_one_that_the_vendor_no_longer_has_stays_away(engine: Engine) -> None:
    account = rated()
    with walking_job(account, engine, surveys) as scripted:
        scripted.run()
        delete_conversation(account, 2)
        scripted.run()
        removal.remove(engine, 1, [2])
        for _ in range(2):
            run = scripted.run()
            assert (run.outcome, run.ledger and run.ledger["deleted"]) == ("complete", 1)
            assert scripted.rows("SELECT id FROM conversations ORDER BY 1") == [(1,), (3,)]
        # The response is there still, of a conversation that is not.
        assert scripted.rows("SELECT conversation_id, extra FROM csat_responses") == [(None, {"conversation_id": 2})]
        assert removal.remove(engine, 1, [2])["csat_responses"] == 1


@pytest.mark.long
def test_what_was_rejected_of_it_and_its_entry_in_the_ledger_go_too(engine: Engine) -> None:
    with job(rated(), engine, spoiled) as scripted:
        scripted.run()
        with engine.begin() as connection:
            connection.execute(
                text(
                    "INSERT INTO helpdesk.conversation_ledger (account_id, conversation_id, state, checked_at)"
                    " VALUES (1, 7, 'unreadable', now()), (1, 8, 'unreadable', now())"
                )
            )
            connection.execute(
                text(
                    "INSERT INTO helpdesk.rejected_records (account_id, entity, digest, entity_id, run_id, reason)"
                    " VALUES (1, 'conversation', 'a', '7', 1, 'made up'), (1, 'message', 'b', '7', 1, 'another')"
                )
            )
        removed = removal.remove(engine, 1, [2, 7])
        assert (removed["conversation_ledger"], removed["rejected_records"]) == (1, 2)
        assert scripted.rows("SELECT conversation_id FROM conversation_ledger") == [(8,)]
        assert scripted.rows("SELECT entity, reason FROM rejected_records") == [("message", "another")]


def test_it_may_be_repeated_and_waits_for_no_run(engine: Engine) -> None:
    with pytest.raises(SettingsError, match="Nothing of account 1 is stored"):
        removal.remove(engine, 1, [2])
    with job(rated(), engine) as scripted:
        scripted.run()
        removal.remove(engine, 1, [2])
        assert set(removal.remove(engine, 1, [2]).values()) == {0}
        with hold(engine, 1):
            journal.open_run(engine, journal.Run(1, "sync"))
            with pytest.raises(AnotherRun):
                removal.remove(engine, 1, [3])


@pytest.mark.long
def test_the_command_asks_and_says_what_it_removed_and_the_figures_no_longer_count_it(
    etl: RunEtl, database_url: str, engine: Engine
) -> None:
    vendor = Vendor(rated(), token="t" * 20)
    with serve(vendor) as base_url:
        variables = settings(base_url, database_url, ETL_API_TOKEN="t" * 20)
        etl("sync", **variables)
        nothing = etl("forget", **variables)
        assert (nothing.returncode, "--contact ID or --conversation ID" in nothing.stderr) == (2, True)
        refused = etl("forget", "--conversation", "2", **variables)
        assert (refused.returncode, "add --yes if that is wanted" in refused.stderr) == (2, True)
        done = etl("forget", "--conversation", "2", "--conversation", "77", "--yes", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Conversation 2 of account 1: with 3 messages",
        "Conversation 77 of account 1: not in the tables",
        "  attachments                     1 rows removed",
        "  messages                        3 rows removed",
        "  conversation_labels             1 rows removed",
        "  conversation_states             1 rows removed",
        "  conversations                   1 rows removed",
    ]
    with engine.connect() as connection:
        counted = connection.execute(text("SELECT DISTINCT conversation_id FROM helpdesk.conversation_openings")).all()
    assert {number for (number,) in counted} == {1, 3}
