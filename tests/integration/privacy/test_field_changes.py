"""Changes of fields where personal data are kept, hashed or dropped, and of somebody who is forgotten."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import merge_contacts, set_custom_attributes
from etl.privacy import forget, redact, removal
from etl.privacy.rules import way_of
from etl.settings.settings import Settings
from tests.integration.privacy.test_modes import MODES, hashed
from tests.personal_data import ANOTHER_KEY, everything_stored
from tests.scripted_account import Job, account_of, job, now

CHANGES = "SELECT entity, entity_id, field, before, after FROM field_changes ORDER BY entity, entity_id, field, number"
PERSONAL = ["Dana One", "Dana Two", "one@example.com", "two@example.com", "plan one", "plan two", "topic one", "typed"]
DIGEST = "<digest>"


def account_of_dana() -> Account:
    """Return an account of which everything that may change of a person is a value of its own."""
    account = account_of(3)
    dana = account.contacts[1]
    dana.name, dana.email, dana.phone_number = "Dana One", "one@example.com", None
    dana.custom_attributes = {"plan": "plan one", "vip": True, "typed@example.com": 1}
    account.conversations[1].custom_attributes = {"topic": "topic one", "amount": 3}
    return account


def change(account: Account) -> None:
    """Change all of it, and something that anybody may know."""
    dana = account.contacts[1]
    dana.name, dana.email, dana.phone_number, dana.blocked = "Dana Two", "two@example.com", "+972501234567", True
    dana.custom_attributes = {"plan": "plan two", "vip": False, "typed@example.com": 2}
    set_custom_attributes(account, 1, {"topic": "topic two", "amount": 4}, now())


def runs(etl: Job, account: Account, then: Callable[[Account], None], **mode: Any) -> list[tuple[Any, ...]]:
    """Run, let something happen, run again; return the changes, each digest as a word."""
    assert etl.run(**mode).outcome == "complete"
    then(account)
    assert (run := etl.run(**mode)).outcome == "complete", run.problems
    return noted(etl)


def noted(etl: Job) -> list[tuple[Any, ...]]:
    return [tuple(DIGEST if str(one).startswith("digest:") else one for one in row) for row in etl.rows(CHANGES)]


def expected(said: Callable[[str], Any], typed: bool = False) -> list[tuple[Any, ...]]:
    rows = [
        ("contact", 1, "blocked", False, True),
        ("contact", 1, "custom_attributes.plan", said("plan one"), said("plan two")),
        ("contact", 1, "custom_attributes.typed@example.com", 1, 2),
        ("contact", 1, "custom_attributes.vip", True, False),
        ("contact", 1, "email", said("one@example.com"), said("two@example.com")),
        ("contact", 1, "name", said("Dana One"), said("Dana Two")),
        ("contact", 1, "phone_number", None, said("+972501234567")),
        ("conversation", 1, "custom_attributes.amount", 3, 4),
        ("conversation", 1, "custom_attributes.topic", said("topic one"), said("topic two")),
    ]
    return rows if typed else [row for row in rows if "typed" not in row[2]]


def test_what_is_kept_is_noted_as_it_is(engine: Engine) -> None:
    with job(account := account_of_dana(), engine) as etl:
        assert runs(etl, account, change) == expected(str, typed=True)


@pytest.mark.long
def test_what_is_hashed_is_noted_by_the_hashes(engine: Engine) -> None:
    with job(account := account_of_dana(), engine) as etl:
        assert runs(etl, account, change, **MODES["hash"]) == expected(hashed)
    assert [one for one in PERSONAL if one in everything_stored(engine)] == []


@pytest.mark.long
def test_what_is_dropped_is_noted_by_digests_which_the_token_alone_can_make(engine: Engine) -> None:
    with job(account := account_of_dana(), engine) as etl:
        assert runs(etl, account, change, **MODES["drop"]) == expected(lambda _: DIGEST)
        before = etl.rows("SELECT before, after FROM field_changes WHERE field = 'name'")
        assert len({*before[0]}) == 2
        assert etl.run(**MODES["drop"]).tally.counts["contacts"]["updated"] == 0
    assert [one for one in PERSONAL if one in everything_stored(engine)] == []


@pytest.mark.long
def test_with_another_token_everything_dropped_is_seen_anew_and_nothing_of_it_changed(engine: Engine) -> None:
    with job(account := account_of_dana(), engine, token="another-token") as etl:

        def touched(account: Account) -> None:
            account.conversations[1].updated_at = float(now())
            account.conversations[1].priority = "high"

        etl.vendor.token = "demo-token"
        etl.run(**MODES["drop"])
        etl.vendor.token = "another-token"
        assert runs(etl, account, touched, **MODES["drop"], api_token="another-token") == [
            ("conversation", 1, "priority", None, "high")
        ]


@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_redact_rewrites_what_was_noted_and_notes_nothing_itself(engine: Engine, mode: str) -> None:
    def said(value: str) -> str | None:
        return hashed(value) if mode == "hash" else None

    with job(account := account_of_dana(), engine) as etl:
        runs(etl, account, change)
        done = redact.redact(engine, 1, way_of(Settings(account_id=1, api_token="demo-token", **MODES[mode])), print)
        assert (noted(etl), done.rewritten["field_changes"]) == (expected(said), 6)
        etl.run(**MODES[mode])
        assert noted(etl) == expected(said)
        account.contacts[1].name = "Dana Three"
        set_custom_attributes(account, 1, {"amount": 5}, now() + 1)
        etl.run(**MODES[mode])
        assert len(noted(etl)) == len(expected(said)) + 3
    assert [one for one in [*PERSONAL, "Dana Three"] if one in everything_stored(engine)] == []


@pytest.mark.long
@pytest.mark.parametrize("mode", ["hash", "drop"])
def test_what_was_not_kept_and_is_read_again_did_not_change(engine: Engine, mode: str) -> None:
    with job(account := account_of_dana(), engine) as etl:
        etl.run(**MODES[mode])
        redact.redact(engine, 1, way_of(Settings(account_id=1, api_token="demo-token")), print)
        assert runs(etl, account, lambda _: None) == []
        assert etl.rows("SELECT name, digests FROM contacts WHERE id = 1") == [("Dana One", None)]
        change(account)
        etl.run()
        assert noted(etl) == expected(str, typed=True)


@pytest.mark.long
def test_another_key_of_the_hashes_changes_nothing(engine: Engine) -> None:
    other = MODES["hash"] | {"pii_key": ANOTHER_KEY}
    with job(account := account_of_dana(), engine) as etl:
        etl.run(**MODES["hash"])
        redact.redact(engine, 1, way_of(Settings(account_id=1, api_token="demo-token", **other)), print)
        assert runs(etl, account, lambda _: None, **other) == []


@pytest.mark.long
@pytest.mark.parametrize("mode", ["keep", "hash", "drop"])
def test_of_somebody_who_is_forgotten_nothing_personal_stays_noted_nor_is_later(engine: Engine, mode: str) -> None:
    chosen = MODES.get(mode, {})
    with job(account := account_of_dana(), engine) as etl:
        runs(etl, account, change, **chosen)
        emptied = forget.forget(engine, 1, [1])
        kept = expected(lambda _: None)
        assert (noted(etl), emptied["field_changes"]) == (kept, 6 if mode == "keep" else 5)
        account.contacts[1].name, account.contacts[1].custom_attributes = "Dana Three", {"vip": True}
        set_custom_attributes(account, 1, {"topic": "topic three", "amount": 9}, now() + 1)
        etl.run(**chosen)
        assert noted(etl) == kept
        assert etl.rows("SELECT digests FROM contacts WHERE id = 1") == [(None,)]
        assert etl.rows("SELECT DISTINCT digests FROM conversations WHERE contact_id = 1") == [(None,)]
        stored = everything_stored(engine)
    # Of the topic its key alone.
    assert [one for one in [*PERSONAL, "Dana Three", "topic", "+97250"] if one in stored] == ["topic"]


@pytest.mark.long
def test_a_conversation_that_comes_to_somebody_forgotten_is_noted_without_what_was_in_it(engine: Engine) -> None:
    account = account_of_dana()
    with job(account, engine) as etl:
        etl.run()
        set_custom_attributes(account, 1, {"topic": "topic two"}, now())
        etl.run()
        forget.forget(engine, 1, [2])
        merge_contacts(account, keep=2, gone=1, at=now() + 1)
        etl.run()
        assert [row for row in noted(etl) if row[1] == 1] == [
            ("conversation", 1, "contact_id", 1, 2),
            ("conversation", 1, "custom_attributes.amount", 3, None),
            ("conversation", 1, "custom_attributes.topic", None, None),
        ]
    assert [one for one in ("topic one", "topic two") if one in everything_stored(engine)] == []


@pytest.mark.long
def test_with_a_conversation_that_is_removed_its_changes_go(engine: Engine) -> None:
    with job(account := account_of_dana(), engine) as etl:
        runs(etl, account, change)
        assert removal.remove(engine, 1, [1])["field_changes"] == 2
        assert {row[0] for row in noted(etl)} == {"contact"}
