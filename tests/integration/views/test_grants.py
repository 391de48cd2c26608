"""`etl grant`: what a role of the database may read, tried by logging in as that role."""

import uuid
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import errors, sql
from sqlalchemy import Engine, make_url

from etl.database import migrate
from etl.views import schema
from tests.etl_process import RunEtl

PERSONAL = (
    *("Ada Lovelace", "ada@example.com", "+15550000001", "what Ada wrote", "what Ada thought of it"),
    "agent@example.com",
)

ROWS = """
    INSERT INTO helpdesk.accounts (account_id, base_url) VALUES (1, 'https://example.com');
    INSERT INTO helpdesk.contacts (account_id, id, name, email, phone_number)
    VALUES (1, 17, 'Ada Lovelace', 'ada@example.com', '+15550000001');
    INSERT INTO helpdesk.conversations (account_id, id, contact_id, created_at)
    VALUES (1, 5, 17, '2026-03-01 10:00+00');
    INSERT INTO helpdesk.messages
        (account_id, id, conversation_id, message_type, private, sender_type, sender_id, content, created_at)
    VALUES (1, 50, 5, 'incoming', false, 'contact', 17, 'what Ada wrote', '2026-03-01 10:00+00');
    INSERT INTO helpdesk.csat_responses (account_id, id, conversation_id, contact_id, rating, feedback_message)
    VALUES (1, 1, 5, 17, 4, 'what Ada thought of it');
    INSERT INTO helpdesk.agents (account_id, id, name, email) VALUES (1, 1, 'Agent', 'agent@example.com');
    INSERT INTO helpdesk.field_changes (account_id, entity, entity_id, field, before, after, seen_at)
    VALUES (1, 'contact', 17, 'name', '"Ada"', '"Ada Lovelace"', now()),
        (1, 'contact', 17, 'additional_attributes.description', NULL, '"what Ada wrote"', now());
    INSERT INTO helpdesk.bots (account_id, type, id, name) VALUES (1, 'guest', 3, 'Ada Lovelace');
    INSERT INTO helpdesk.messages (account_id, id, conversation_id, message_type, private, sender_type, sender_id)
    VALUES (1, 51, 5, 'incoming', false, 'guest', 3);
    INSERT INTO helpdesk.sync_runs (account_id, kind, outcome, started_at, host, process_id, problems)
    VALUES (1, 'backfill', 'failed', now(), 'here', 1, ARRAY['.../conversations?q=ada@example.com: no answer']);
"""


@pytest.fixture
def role(server_url: str, database_url: str) -> Iterator[str]:
    """A role with a name that has to be quoted; dropped with everything that it was given."""
    name = f'bi "reader" {uuid.uuid4().hex[:8]}'
    quoted = sql.Identifier(name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(quoted))
    yield name
    with connect(database_url) as connection:
        connection.execute(sql.SQL("DROP OWNED BY {}").format(quoted))
        connection.execute(sql.SQL("DROP ROLE {}").format(quoted))


def connect(url: str, user: str | None = None) -> psycopg.Connection:
    own = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    return psycopg.connect(own, autocommit=True, **({"user": user} if user else {}))


def everything_seen_by(url: str, user: str) -> dict[str, str]:
    """What a role reads in each view, as text."""
    with connect(url, user) as connection:
        found = {
            name: connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier("bi", name))).fetchall()
            for name in (*schema.PUBLIC, "contact_attribute_columns", "conversation_attribute_columns")
        }
    return {name: repr(rows) for name, rows in found.items()}


def test_a_role_reads_all_views_and_sees_nobodys_name_address_or_words(
    etl: RunEtl, database_url: str, role: str
) -> None:
    with connect(database_url) as owner:
        owner.execute(ROWS)
    granted = etl("grant", "--role", role, DATABASE_URL=database_url)
    assert (granted.returncode, granted.stderr) == (0, "")
    assert granted.stdout == f"{role} may read the views of schema bi, with personal data masked.\n"

    seen = everything_seen_by(database_url, role)
    assert [(name, one) for name, rows in seen.items() for one in PERSONAL if one in rows] == []
    with connect(database_url, role) as reader:
        assert reader.execute(
            "SELECT contact_id, contact_name, contact_email, contact_phone, conversations FROM bi.contacts"
        ).fetchall() == [(17, "Contact 17", None, None, 1)]
        messages = "SELECT author_name, content, length FROM bi.messages ORDER BY message_id"
        assert reader.execute(messages).fetchall() == [("Contact 17", None, 14), (None, None, None)]
        assert reader.execute("SELECT problems FROM bi.sync_health").fetchall() == [("1 (see etl runs)",)]


@pytest.mark.long
def test_with_personal_data_the_role_sees_them_until_it_is_granted_again_without(
    etl: RunEtl, database_url: str, role: str
) -> None:
    with connect(database_url) as owner:
        owner.execute(ROWS)
    granted = etl("grant", "--role", role, "--with-personal-data", DATABASE_URL=database_url)
    assert granted.stdout == f"{role} may read the views of schema bi, with personal data in clear.\n"
    seen = "".join(everything_seen_by(database_url, role).values())
    assert [one for one in PERSONAL if one not in seen] == []

    etl("grant", "--role", role, DATABASE_URL=database_url)
    seen = "".join(everything_seen_by(database_url, role).values())
    assert [one for one in PERSONAL if one in seen] == []


def test_members_of_a_role_see_what_the_role_sees(etl: RunEtl, database_url: str, role: str) -> None:
    with connect(database_url) as owner:
        owner.execute(ROWS)
        member = sql.Identifier(f"{role} member")
        owner.execute(sql.SQL("CREATE ROLE {} LOGIN IN ROLE {}").format(member, sql.Identifier(role)))
    try:
        etl("grant", "--role", role, "--with-personal-data", DATABASE_URL=database_url)
        assert "Ada Lovelace" in everything_seen_by(database_url, f"{role} member")["contacts"]
    finally:
        with connect(database_url) as owner:
            owner.execute(sql.SQL("DROP ROLE {}").format(member))


def test_who_sees_personal_data_by_another_role_is_not_said_to_see_none(
    etl: RunEtl, database_url: str, role: str
) -> None:
    with connect(database_url) as owner:
        team = f"team_{uuid.uuid4().hex[:8]}"
        owner.execute(sql.SQL("CREATE ROLE {}; GRANT {} TO {}").format(
            sql.Identifier(team), sql.Identifier(team), sql.Identifier(role)
        ))  # fmt: skip
        assert etl("grant", "--role", team, "--with-personal-data", DATABASE_URL=database_url).returncode == 0
        granted = etl("grant", "--role", role, DATABASE_URL=database_url)
        owner.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(team)))
    assert (granted.returncode, granted.stdout) == (1, "")
    assert f"{role} may read the views of schema bi, and sees personal data in clear all the same" in granted.stderr


def test_the_tables_themselves_stay_closed(etl: RunEtl, database_url: str, role: str) -> None:
    etl("grant", "--role", role, "--with-personal-data", DATABASE_URL=database_url)
    with connect(database_url, role) as reader:
        for statement in (
            "SELECT * FROM helpdesk.contacts",
            "SELECT * FROM helpdesk.customer_waits",
            "DELETE FROM bi.contact_attribute_columns",
            "CREATE VIEW bi.mine AS SELECT 1",
        ):
            with pytest.raises(errors.InsufficientPrivilege):
                reader.execute(statement)


@pytest.mark.long
def test_a_migration_that_makes_the_views_anew_takes_nothing_away(
    etl: RunEtl, engine: Engine, database_url: str, role: str
) -> None:
    etl("grant", "--role", role, DATABASE_URL=database_url)
    migrate.migrate(engine, "0001_tables")
    migrate.migrate(engine)
    assert set(everything_seen_by(database_url, role)) == {
        *schema.PUBLIC,
        "contact_attribute_columns",
        "conversation_attribute_columns",
    }


def test_a_role_that_is_not_there_is_an_error_that_says_how_to_make_it(etl: RunEtl, database_url: str) -> None:
    refused = etl("grant", "--role", 'no "such"', DATABASE_URL=database_url)
    assert refused.returncode == 1
    assert refused.stderr == (
        'etl: There is no role no "such". Make it first: CREATE ROLE "no ""such""" LOGIN PASSWORD \'...\';\n'
    )


def test_what_was_granted_is_taken_back(etl: RunEtl, database_url: str, role: str) -> None:
    with connect(database_url) as owner:
        owner.execute(ROWS)
    etl("grant", "--role", role, "--with-personal-data", DATABASE_URL=database_url)
    revoked = etl("grant", "--role", role, "--revoke", DATABASE_URL=database_url)
    assert (revoked.returncode, revoked.stdout) == (0, f"{role} no longer reads the views of schema bi.\n")
    with connect(database_url, role) as reader, pytest.raises(errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM bi.contacts")
    assert role not in etl("migrate", DATABASE_URL=database_url).stdout
    both = etl("grant", "--role", role, "--revoke", "--with-personal-data", DATABASE_URL=database_url)
    assert both.returncode == 2


def test_a_view_that_its_owner_makes_beside_ours_is_not_open_to_readers(
    etl: RunEtl, database_url: str, role: str
) -> None:
    etl("grant", "--role", role, DATABASE_URL=database_url)
    with connect(database_url) as owner:
        owner.execute("CREATE VIEW bi.own AS SELECT * FROM helpdesk.contacts")
    with connect(database_url, role) as reader, pytest.raises(errors.InsufficientPrivilege):
        reader.execute("SELECT * FROM bi.own")
