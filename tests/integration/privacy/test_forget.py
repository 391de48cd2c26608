"""One person is forgotten: everywhere, for good, and nobody else."""

import re
from typing import Any

import pytest
from sqlalchemy import Engine, text

from etl.database.engine import make_engine
from etl.demo.account import Account
from etl.demo.events import add_conversation, add_message, edit_message, merge_contacts, reply
from etl.demo.server import serve
from etl.demo.vendor import Vendor
from etl.errors import AnotherRun, SettingsError
from etl.load import journal
from etl.load.run_lock import hold
from etl.privacy import forget
from etl.selection import Selection
from tests.databases import new_database
from tests.etl_process import RunEtl, settings
from tests.integration.privacy.test_modes import MODES, PIECES, hostile, spoiled
from tests.personal_data import everything_stored, whole_tables
from tests.scripted_account import LONG_AGO, Job, empty_account, job, notes_of, now, walking_job

WORDS = "this is what Omer wrote and nobody else"
APART = "'history_read_at' - 'payload_digest'"
OF_OMER = ["Omer Mizrahi", "omer@example.com", "omer-key", WORDS]


def two_people() -> Account:
    """Return an account in which Dana and Omer have two conversations each, and Omer writes in one of Dana's, too."""
    account = empty_account()
    omer = account.contacts[2]
    omer.name, omer.email, omer.identifier = "Omer Mizrahi", "omer@example.com", "omer-key"
    omer.custom_attributes = {"plan": "gold", "vip": True}
    for number, contact in enumerate((1, 2, 1, 2)):
        one = add_conversation(account, contact, 1, LONG_AGO + number * 3_600)
        one.custom_attributes = {"topic": f"topic of {contact}"}
        words = WORDS if contact == 2 else f"what Dana wrote in {one.id}"
        add_message(account, one.id, words, one.created_at + 60, source_id=f"key {contact} {one.id}")
        reply(account, one.id, f"answer to {contact}", one.created_at + 120, by=1)
    add_message(account, 1, WORDS, LONG_AGO + 300, sender_type="Contact", sender_id=2)
    return account


def rows_of_dana(engine: Engine) -> dict[str, list[Any]]:
    with engine.connect() as connection:
        return {
            table: list(
                connection.execute(
                    # When it was read last is another time with each backfill; Omer's number is in a record of Dana's.
                    text(f"SELECT to_jsonb(t) - {APART} FROM helpdesk.{table} AS t WHERE {which}")
                ).scalars()
            )
            for table, which in {
                "contacts": "id = 1",
                "conversations": "id IN (1, 3) ORDER BY id",
                "messages": "conversation_id IN (1, 3) AND contact_id IS DISTINCT FROM 2 ORDER BY id",
                "agents": "true",
            }.items()
        }


def shape(job: Job) -> list[tuple[Any, ...]]:
    """Return what the figures are made of."""
    return job.rows(
        "SELECT c.id, c.status, c.contact_id, m.id, m.message_type, m.sender_type, m.sender_id, m.created_at"
        " FROM conversations c JOIN messages m ON m.conversation_id = c.id ORDER BY m.id"
    )


@pytest.mark.long
def test_a_conversation_that_comes_to_a_forgotten_contact_loses_what_was_stored_of_it(engine: Engine) -> None:
    account = two_people()
    with job(account, engine) as scripted:
        scripted.run()
        with engine.begin() as connection:
            # Gone upstream, so that no reading brings it again.
            connection.execute(
                text(
                    "INSERT INTO helpdesk.messages (account_id, id, conversation_id, content, removed_at)"
                    " VALUES (1, 4711, 1, 'what Dana wrote and took back', now())"
                )
            )
        forget.forget(engine, 1, [2])
        merge_contacts(account, keep=2, gone=1, at=now())
        scripted.run()
        assert "what Dana wrote" not in everything_stored(engine)


@pytest.mark.parametrize("quoted", ["?q=omer%40example.com:", "?q=Omer+Mizrahi:", "?q=Omer%20Mizrahi:"])
def test_a_sentence_of_the_journal_that_names_the_person_encoded_is_taken_out(engine: Engine, quoted: str) -> None:
    with job(two_people(), engine) as scripted:
        scripted.run()
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.sync_runs SET problems = ARRAY[:said]"), {"said": quoted})
        forget.forget(engine, 1, [2])
        assert scripted.rows("SELECT problems FROM sync_runs") == [([forget.REMOVED],)]


def test_one_person_is_gone_and_the_other_untouched_and_the_figures_hold(engine: Engine) -> None:
    with job(two_people(), engine) as scripted:
        scripted.run()
        before, figures = rows_of_dana(engine), shape(scripted)
        assert all(one in everything_stored(engine) for one in OF_OMER)
        emptied = forget.forget(engine, 1, [2])
        assert emptied == {
            "rejected_records": 0,
            "sync_runs": 0,
            "acceptances": 0,
            "conversation_ledger": 0,
            "attachments": 0,
            "messages": 5,
            "csat_responses": 0,
            "field_changes": 0,
            "conversations": 2,
            "contacts": 1,
        }
        assert [
            one for one in [*OF_OMER, "topic of 2", "answer to 2", "key 2"] if one in everything_stored(engine)
        ] == []
        assert (rows_of_dana(engine), shape(scripted)) == (before, figures)
        assert scripted.rows("SELECT name, custom_attributes FROM contacts WHERE id = 2") == [(None, {"vip": True})]


def test_no_later_run_brings_the_person_back(engine: Engine) -> None:
    account = two_people()
    with walking_job(account, engine) as scripted:
        scripted.run()
        forget.forget(engine, 1, [2])
        before, forgotten = rows_of_dana(engine), whole_tables(engine)
        quiet = scripted.run()
        assert {table: (one["inserted"], one["updated"]) for table, one in quiet.tally.counts.items()} == dict.fromkeys(
            quiet.tally.counts, (0, 0)
        )
        assert scripted.run(Selection("backfill", audit=True)).outcome == "complete"
        del forgotten["account_counts"]
        after = whole_tables(engine)
        assert {table: after[table] for table in forgotten} == forgotten

        account.contacts[2].phone_number = "+972500000002"
        add_message(account, 2, "Omer Mizrahi writes again", now())
        edit_message(account, 4, account.conversations[4].messages[0].id, now(), content=f"{WORDS}!")
        new = add_conversation(account, 2, 1, now())
        add_message(account, new.id, "Omer Mizrahi begins anew", now(), attachments=None)
        assert scripted.run(Selection(audit=True)).outcome == "complete"
        stored = everything_stored(engine)
        assert [one for one in [*OF_OMER, "972500000002", "writes again", "begins anew"] if one in stored] == []
        assert scripted.rows("SELECT count(*), count(content) FROM messages WHERE conversation_id IN (2, 4, 5)") == [
            (6, 0)
        ]
        theirs = "SELECT id, payload_digest FROM conversations WHERE forgotten_at IS NOT NULL ORDER BY id"
        assert scripted.rows(theirs) == [(2, None), (4, None), (5, None)]
    assert rows_of_dana(engine) == before


def test_the_person_is_forgotten_in_every_hidden_place(engine: Engine) -> None:
    """With rejected records, journals that quote them, and the term of a search."""
    with job(hostile(), engine, spoiled()) as scripted:
        scripted.run(Selection(audit=True))
        scripted.run(Selection("backfill", search="dana.levi@example.com"))
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE helpdesk.sync_runs SET notes = ARRAY['answered 500: Dana Levi-Cohen', 'another note']")
            )
        forget.forget(engine, 1, [1])
        assert scripted.rows("SELECT DISTINCT notes FROM sync_runs") == [([forget.REMOVED, "another note"],)]
        # Of the other contact's conversation much is as personal, in this account that repeats one person everywhere.
        left = everything_stored_of(scripted, 1)
        assert [one for one in PIECES if one in left] == []
        scripted.run(Selection(audit=True))
        left = everything_stored_of(scripted, 1)
    assert [one for one in PIECES if one in left] == []


def everything_stored_of(scripted: Job, conversation: int) -> str:
    rows = []
    for table, which in {
        "contacts": "id = 1",
        "conversations": "id = :one",
        "messages": "conversation_id = :one",
        "attachments": "true",
        "rejected_records": "conversation_id IS DISTINCT FROM 2",
        "sync_runs": "run_id < 3",
    }.items():
        rows += scripted.rows(f"SELECT to_jsonb(t) FROM {table} AS t WHERE {which}", one=conversation)
    assert len(rows) > 10
    return re.sub(r"\\u....", "", str(rows))


def test_a_rejected_record_of_the_person_is_emptied_and_one_of_another_is_not(engine: Engine) -> None:
    def spoil(request: Any, answer: Any) -> Any:
        return answer.__class__(answer.status, answer.body.replace(b'"private":false', b'"private":"never"'))

    with job(two_people(), engine, spoil) as scripted:
        scripted.run()
        query = (
            "SELECT conversation_id % 2 = 0 OR entity_id = '9', count(*), count(payload),"
            " count(*) FILTER (WHERE reason ~ 'got') FROM rejected_records GROUP BY 1 ORDER BY 1"
        )
        before = scripted.rows(query)
        forget.forget(engine, 1, [2])
        scripted.run()
        after = scripted.rows(query)
        ((records, payloads, quoting),) = [row[1:] for row in after if row[0]]
    assert [row for row in after if not row[0]] == [row for row in before if not row[0]]
    assert (records > 0, payloads, quoting) == (True, 0, 0)


@pytest.mark.long
def test_a_conversation_that_another_contact_takes_over_stays_empty_and_is_told_of(engine: Engine) -> None:
    account = two_people()
    with job(account, engine) as scripted:
        scripted.run()
        forget.forget(engine, 1, [2])
        merge_contacts(account, keep=1, gone=2, at=now())
        run = scripted.run()
        stored = everything_stored(engine)
        assert [one for one in [WORDS, "answer to 2", "topic of 2"] if one in stored and one != WORDS] == []
        assert scripted.rows("SELECT id, contact_id FROM conversations WHERE id IN (2, 4) ORDER BY 1") == [
            (2, 1),
            (4, 1),
        ]
        assert scripted.rows("SELECT count(content) FROM messages WHERE conversation_id IN (2, 4)") == [(0,)]
        assert notes_of(run) == [
            "Conversations of a forgotten person now belong to contact 1: if the vendor merged two contacts, that one"
            " has to be forgotten, too (`etl forget`)."
        ]
        forget.forget(engine, 1, [1])
        assert notes_of(scripted.run()) == []


@pytest.mark.long
def test_who_is_not_there_yet_is_kept_out(engine: Engine) -> None:
    account = two_people()
    with job(account, engine) as scripted:
        scripted.run(Selection("backfill", conversations=(3,)))
        assert forget.known(engine, 1, [1, 2]) == {1: 1}
        forget.forget(engine, 1, [2])
        assert scripted.run().outcome == "complete"
        assert [one for one in OF_OMER[:3] if one in everything_stored(engine)] == []
        assert scripted.rows("SELECT id, content FROM messages WHERE content ~ 'Omer'") == []


@pytest.mark.long
def test_a_person_is_forgotten_where_personal_data_are_hashed_and_with_a_rewriting_in_between(
    engine: Engine, server_url: str, template: str
) -> None:
    from etl.privacy import redact
    from tests.integration.privacy.test_redact import way

    with job(two_people(), engine) as scripted:
        scripted.run()
        forget.forget(engine, 1, [2])
        redact.redact(engine, 1, way(**MODES["hash"]), lambda *_: None)
        scripted.run(**MODES["hash"])
    with new_database(server_url, template) as url:
        other = make_engine(url)
        with job(two_people(), other) as scripted:
            scripted.run(**MODES["hash"])
            forget.forget(other, 1, [2])
            scripted.run(**MODES["hash"])
        # Where the text was forgotten before, there is the digest of no text, which tells nothing either.
        apart = ("suppressed_at", "forgotten_at", "content_digest")
        tables = [whole_tables(one, *apart) for one in (engine, other)]
        other.dispose()
    assert tables[0] == tables[1]
    (row,) = [row for row in tables[0]["contacts"] if row["id"] == 2]
    assert (row["name"], row["email"], row["custom_attributes"]) == (None, None, {"vip": True})


def test_it_may_be_repeated_and_waits_for_no_run(engine: Engine) -> None:
    with pytest.raises(SettingsError, match="Nothing of account 1 is stored"):
        forget.forget(engine, 1, [2])
    with job(two_people(), engine) as scripted:
        scripted.run()
        forget.forget(engine, 1, [2])
        before = everything_stored(engine)
        assert set(forget.forget(engine, 1, [2]).values()) == {0}
        assert everything_stored(engine) == before
        with hold(engine, 1):
            journal.open_run(engine, journal.Run(1, "sync"))
            with pytest.raises(AnotherRun):
                forget.forget(engine, 1, [2])


def test_the_command_asks_and_says_what_it_emptied(etl: RunEtl, database_url: str) -> None:
    vendor = Vendor(two_people(), token="t" * 20)
    with serve(vendor) as base_url:
        variables = settings(base_url, database_url, ETL_API_TOKEN="t" * 20)
        etl("sync", **variables)
        refused = etl("forget", "--contact", "2", **variables)
        assert (refused.returncode, "add --yes if that is wanted" in refused.stderr) == (2, True)
        done = etl("forget", "--contact", "2", "--contact", "77", "--yes", **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "Contact 2 of account 1: with 2 conversations",
        "Contact 77 of account 1: not in the tables; it is kept out of them",
        "  messages                        5 rows emptied",
        "  conversations                   2 rows emptied",
        "  contacts                        1 rows emptied",
    ]
