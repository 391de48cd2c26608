"""The views with a column for each custom attribute: typed, never failing, replaced only when they have to be."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from tests.databases import new_engine
from tests.integration.run.test_dimensions import definition
from tests.scripted_account import account_of, job, notes_of, walking_job

OIDS = "SELECT relname, oid FROM pg_class WHERE relnamespace = 'bi'::regnamespace ORDER BY relname"


def account_with(*definitions: dict[str, Any], conversations: int = 2, number: int = 1) -> Account:
    account = account_of(conversations, number=number)
    account.custom_attribute_definitions = list(definitions)
    return account


def test_each_attribute_is_a_column_of_its_type(engine: Engine) -> None:
    account = account_with(
        definition(1, "order"),
        definition(2, "amount", "number"),
        definition(3, "due", "date"),
        definition(4, "paid", "checkbox"),
        definition(5, "plan", "list", "contact_attribute"),
    )
    account.conversations[1].custom_attributes = {"order": "A 1", "amount": 12.5, "due": "2026-02-28", "paid": True}
    account.contacts[1].custom_attributes = {"plan": "gold", "undefined": "x"}
    with job(account, engine) as etl:
        etl.run()
        assert etl.rows("SELECT * FROM bi.conversation_attribute_columns ORDER BY conversation_id") == [
            (1, 1, "A 1", Decimal("12.5"), date(2026, 2, 28), True),
            (1, 2, None, None, None, None),
        ]
        assert etl.rows("SELECT account_id, contact_id, plan FROM bi.contact_attribute_columns ORDER BY 2") == [
            (1, 1, "gold"), (1, 2, None),
        ]  # fmt: skip
        comments = """
            SELECT attname, col_description(attrelid, attnum), obj_description(attrelid) FROM pg_attribute
            WHERE attrelid = 'bi.conversation_attribute_columns'::regclass ORDER BY attnum LIMIT 3
        """
        said = "A row a conversation, a column for each attribute that is defined."
        assert etl.rows(comments) == [
            ("account_id", "Account", said), ("conversation_id", "Conversation", said), ("order", "The order", said),
        ]  # fmt: skip


VALUES = [
    ("number", "12", Decimal(12)), ("number", " -1.5 ", Decimal("-1.5")), ("number", ".5", Decimal("0.5")),
    ("number", "1,5", None), ("number", "", None), ("number", "NaN", None), ("number", "1e5", None),
    ("number", "9" * 200, None), ("number", 1e300, Decimal("1e300")), ("number", True, None), ("number", [1], None),
    ("number", "\u00a01", None), ("number", "١", None), ("number", None, None),
    ("date", "2024-02-29", date(2024, 2, 29)), ("date", "2026-02-29", None), ("date", "2026-04-31", None),
    ("date", "2026-12-31T22:00:00.000Z", date(2026, 12, 31)), ("date", "0000-01-01", None),
    ("date", "9999-12-31", date(9999, 12, 31)), ("date", "31.12.2026", None), ("date", 20260101, None),
    ("date", "2026-01-01x", None), ("date", {"a": 1}, None), ("date", "", None),
    ("checkbox", "true", True), ("checkbox", "False", False), ("checkbox", 1, None), ("checkbox", "yes", None),
    ("text", 12.5, "12.5"), ("text", {"a": [1]}, '{"a": [1]}'), ("text", True, "true"), ("text", None, None),
    ("link", "https://shop.example", "https://shop.example"), ("hologram", "x", "x"),
]  # fmt: skip


@pytest.fixture(scope="module")
def read_values(server_url: str, template: str) -> Sequence[Any]:
    """All values in attributes of one conversation, each of its own type, as its view reads them."""
    definitions = [definition(at, f'it\'s %d \\ "x" {at}', kind) for at, (kind, _, _) in enumerate(VALUES, start=1)]
    account = account_with(*definitions)
    keys = [one["attribute_key"] for one in definitions]
    account.conversations[1].custom_attributes = {key: value for key, (_, value, _) in zip(keys, VALUES, strict=True)}
    with new_engine(server_url, template) as engine, job(account, engine) as etl:
        assert etl.run().outcome == "complete"
        (found,) = etl.rows("SELECT * FROM bi.conversation_attribute_columns WHERE conversation_id = 1")
    assert found[:2] == (1, 1)
    return found[2:]


def test_every_value_has_its_column(read_values: Sequence[Any]) -> None:
    assert len(read_values) == len(VALUES)


@pytest.mark.parametrize(("at", "kind", "value", "read"), [(at, *one) for at, one in enumerate(VALUES)])
def test_a_value_that_does_not_fit_its_type_is_null(
    read_values: Sequence[Any], at: int, kind: str, value: object, read: object
) -> None:
    assert read_values[at] == read


@pytest.mark.long
def test_a_quiet_run_leaves_the_views_and_a_new_attribute_keeps_what_rests_on_them(engine: Engine) -> None:
    account = account_with(definition(1, "order"))
    with walking_job(account, engine) as etl:
        etl.run()
        versions = "SELECT xmin::text FROM pg_class WHERE relnamespace = 'bi'::regnamespace"
        before = etl.rows(versions)
        etl.run()
        assert etl.rows(versions) == before
        oids = etl.rows(OIDS)
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE VIEW public.mine AS SELECT * FROM bi.conversation_attribute_columns")
        account.custom_attribute_definitions.append(definition(2, "amount", "number"))
        assert notes_of(etl.run()) == []
        assert etl.rows(OIDS) == oids
        assert etl.rows("SELECT amount FROM bi.conversation_attribute_columns") == [(None,), (None,)]


@pytest.mark.long
def test_a_view_that_is_made_anew_has_the_rights_of_the_old_one(engine: Engine) -> None:
    account = account_with(definition(1, "order"), definition(2, "amount"))
    rights = """
        SELECT grantee::regrole::text, privilege_type, is_grantable FROM pg_class, aclexplode(relacl)
        WHERE oid = 'bi.conversation_attribute_columns'::regclass AND grantee <> relowner ORDER BY 1
    """
    role = f'"Reader {engine.url.database}"'
    with job(account, engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE ROLE {role}")
            grant = "GRANT SELECT ON bi.conversation_attribute_columns TO"
            connection.exec_driver_sql(f"{grant} PUBLIC; {grant} {role} WITH GRANT OPTION")
        before = etl.rows(rights)
        assert len(before) == 2
        try:
            account.custom_attribute_definitions = [definition(2, "amount", "number")]
            assert notes_of(etl.run()) == []
            assert etl.rows("SELECT amount FROM bi.conversation_attribute_columns") == [(None,), (None,)]
            assert etl.rows(rights) == before
        finally:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"DROP OWNED BY {role}; DROP ROLE {role}")


def test_where_another_view_rests_on_a_column_that_goes_the_views_stay_and_the_run_says_so(engine: Engine) -> None:
    account = account_with(definition(1, "order"))
    with walking_job(account, engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE VIEW public.mine AS SELECT * FROM bi.conversation_attribute_columns")
        account.custom_attribute_definitions = []
        run = etl.run()
        assert run.outcome == "complete"
        assert len(notes_of(run)) == 1
        assert notes_of(run)[0].startswith("The views of the custom attributes stay as they were. PostgreSQL at ")
        assert (
            "cannot drop view bi.conversation_attribute_columns because other objects depend on it" in notes_of(run)[0]
        )
        assert etl.rows("SELECT count(*) FROM custom_attribute_definitions") == [(0,)]
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP VIEW public.mine")
        assert notes_of(etl.run()) == []
        assert etl.rows("SELECT * FROM bi.conversation_attribute_columns ORDER BY 2") == [(1, 1), (1, 2)]


@pytest.mark.long
def test_two_accounts_share_the_views_and_a_type_on_which_they_differ_is_text(engine: Engine) -> None:
    first = account_with(definition(1, "size", "number"), conversations=1)
    second = account_with(definition(2, "size", "text"), definition(3, "shape"), conversations=1, number=2)
    first.conversations[1].custom_attributes = {"size": 4}
    second.conversations[1].custom_attributes = {"size": "XL", "shape": "round"}
    with job([first, second], engine) as etl:
        etl.run()
        assert etl.rows("SELECT size FROM bi.conversation_attribute_columns") == [(Decimal(4),)]
        etl.run(account_id=2)
        assert etl.rows("SELECT * FROM bi.conversation_attribute_columns ORDER BY 1") == [
            (1, 1, "4", None), (2, 1, "XL", "round"),
        ]  # fmt: skip


def test_a_view_that_somebody_dropped_is_made_again(engine: Engine) -> None:
    with job(account_with(), engine) as etl:
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP VIEW bi.contact_attribute_columns")
        etl.run()
        assert etl.rows("SELECT account_id, contact_id FROM bi.contact_attribute_columns ORDER BY 2") == [
            (1, 1),
            (1, 2),
        ]
