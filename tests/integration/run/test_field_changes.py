"""What the runs saw change of conversations and contacts, field by field, and conversations as they were."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account
from etl.demo.events import change_conversation, merge_contacts, set_custom_attributes
from tests.scripted_account import Job, account_of, job, now, walking_job

CHANGES = "SELECT entity, entity_id, field, before, after FROM field_changes ORDER BY number"


def changes(etl: Job) -> list[tuple[Any, ...]]:
    """Run; return what was noted by this run, in the order in which it was."""
    last = etl.rows("SELECT coalesce(max(number), 0) FROM field_changes")[0][0]
    assert (run := etl.run()).outcome == "complete", run.problems
    return etl.rows(
        "SELECT entity, entity_id, field, before, after FROM field_changes WHERE number > :last ORDER BY number",
        last=last,
    )


def touch(account: Account, number: int) -> None:
    account.conversations[number].updated_at = float(now())


@pytest.mark.long
def test_a_first_load_and_an_unchanged_night_note_nothing(engine: Engine) -> None:
    account = account_of(4)
    account.conversations[1].labels, account.conversations[1].priority = ["vip"], "high"
    account.conversations[1].custom_attributes = {"plan": "gold"}
    with job(account, engine) as etl:
        assert [changes(etl) for _ in range(2)] == [[], []]


@pytest.mark.long
def test_labels_that_are_added_removed_and_renamed_are_noted_as_sorted_lists(engine: Engine) -> None:
    account = account_of(3)
    account.conversations[2].labels = ["vip"]
    with walking_job(account, engine) as etl:
        changes(etl)
        noted = []
        for labels in (["vip", "bug"], ["bug"], ["defect"], [], ["Ärger", "vip", "Zebra"]):
            change_conversation(account, 2, now(), None, labels=labels)
            noted += changes(etl)
        assert noted == [
            ("conversation", 2, "labels", ["vip"], ["bug", "vip"]),
            ("conversation", 2, "labels", ["bug", "vip"], ["bug"]),
            ("conversation", 2, "labels", ["bug"], ["defect"]),
            ("conversation", 2, "labels", ["defect"], []),
            ("conversation", 2, "labels", [], ["Zebra", "vip", "Ärger"]),
        ]


@pytest.mark.long
def test_custom_attributes_are_noted_by_key(engine: Engine) -> None:
    account = account_of(3)
    account.conversations[1].custom_attributes = {"plan": "gold", "seats": 3, "gone": True, "same": [1]}
    with job(account, engine) as etl:
        changes(etl)
        set_custom_attributes(account, 1, {"plan": "free", "seats": 3, "new": {"a": 1}, "same": [1], "no": None}, now())
        assert changes(etl) == [
            ("conversation", 1, "custom_attributes.gone", True, None),
            ("conversation", 1, "custom_attributes.new", None, {"a": 1}),
            ("conversation", 1, "custom_attributes.plan", "gold", "free"),
        ]


@pytest.mark.long
def test_priority_and_contact_of_a_conversation_are_noted_and_what_states_have_is_not(engine: Engine) -> None:
    account = account_of(3)
    with job(account, engine, behaviour="2026") as etl:
        changes(etl)
        change_conversation(account, 1, now(), None, priority="urgent", status="resolved", assignee_id=2, team_id=1)
        assert changes(etl) == [("conversation", 1, "priority", None, "urgent")]
        merge_contacts(account, keep=1, gone=2, at=now())
        assert changes(etl) == [("conversation", 2, "contact_id", 2, 1)]


@pytest.mark.long
def test_fields_of_a_contact_are_noted_and_its_clocks_are_not(engine: Engine) -> None:
    account = account_of(3)
    dana = account.contacts[1]
    dana.custom_attributes, dana.additional_attributes = {"plan": "gold"}, {"city": "Haifa", "updated_at_ip": "::1"}
    with job(account, engine) as etl:
        changes(etl)
        dana.name, dana.email, dana.phone_number, dana.identifier = "Dana K.", "d@example.com", "+97250", "key"
        dana.custom_attributes, dana.additional_attributes = {"plan": "free"}, {"city": "Akko", "updated_at_ip": "::2"}
        dana.last_activity_at, dana.thumbnail = now(), "https://example.com/face.png"
        touch(account, 1)
        assert changes(etl) == [
            ("contact", 1, "additional_attributes.city", "Haifa", "Akko"),
            ("contact", 1, "custom_attributes.plan", "gold", "free"),
            ("contact", 1, "email", "dana@example.com", "d@example.com"),
            ("contact", 1, "identifier", None, "key"),
            ("contact", 1, "name", "Dana", "Dana K."),
            ("contact", 1, "phone_number", None, "+97250"),
        ]
