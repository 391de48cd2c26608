from typing import Any

import orjson
import pytest

from etl.demo.account import Account
from etl.demo.events import add_message, change_conversation, delete_conversation
from etl.demo.generate import generate
from etl.demo.server import Answer, Request
from etl.demo.vendor import Vendor

STATUSES = ("open", "resolved", "pending", "snoozed")


def ask(vendor: Vendor, path: str = "conversations", *query: tuple[str, object]) -> Answer:
    pairs = [(name, str(value)) for name, value in query]
    return vendor(Request(f"/api/v1/accounts/1/{path}", pairs, {"api_access_token": "demo-token"}))


def listed(vendor: Vendor, *query: tuple[str, object]) -> dict[str, Any]:
    answer = ask(vendor, "conversations", *query)
    assert answer.status == 200
    data: dict[str, Any] = orjson.loads(answer.body)["data"]
    return data


def ids(vendor: Vendor, *query: tuple[str, object]) -> list[int]:
    return [row["id"] for row in listed(vendor, *query)["payload"]]


def walk(vendor: Vendor, *query: tuple[str, object]) -> list[int]:
    found: list[int] = []
    for page in range(1, 200):
        rows = ids(vendor, *query, ("page", page))
        if not rows:
            return found
        found += rows
    raise AssertionError("the walk has no end")


def with_status(account: Account, status: str) -> list[int]:
    return [row.id for row in account.conversations.values() if row.status == status]


def test_pages_have_25_rows_and_the_last_one_the_rest() -> None:
    vendor = Vendor(generate(60))
    lengths = [len(ids(vendor, ("status", "all"), ("page", page))) for page in (1, 2, 3, 4, 99)]
    assert lengths == [25, 25, 10, 0, 0]


def test_the_page_size_is_a_setting_of_the_server() -> None:
    vendor = Vendor(generate(60), page_size=7)
    assert len(ids(vendor, ("status", "all"))) == 7
    assert sorted(walk(vendor, ("status", "all"))) == list(range(1, 61))


@pytest.mark.parametrize("page", ["0", "-1", "abc", "", "1.5"])
def test_an_odd_page_is_the_first_page(page: str) -> None:
    vendor = Vendor(generate(60))
    assert ids(vendor, ("status", "all"), ("page", page)) == ids(vendor, ("status", "all"))


def test_a_page_past_the_end_is_empty_with_the_same_counts() -> None:
    vendor = Vendor(generate(60))
    last = listed(vendor, ("status", "all"), ("page", 99))
    assert last == {"meta": listed(vendor, ("status", "all"))["meta"], "payload": []}


def test_a_page_too_large_for_the_database_is_a_server_fault() -> None:
    answer = ask(Vendor(generate(1)), "conversations", ("page", "99999999999999999999"))
    assert (answer.status, answer.body) == (500, b'{"status":500,"error":"Internal Server Error"}')


def test_the_status_is_open_by_default_and_all_means_every_one() -> None:
    account = generate(300)
    vendor = Vendor(account)
    assert sorted(walk(vendor)) == with_status(account, "open")
    assert sorted(walk(vendor, ("status", "all"))) == list(range(1, 301))


@pytest.mark.parametrize("status", ["bogus", "", "OPEN"])
def test_an_unknown_status_gives_nothing_on_new_servers_and_a_fault_on_old_ones(status: str) -> None:
    account = generate(20)
    nothing = {"mine_count": 0, "assigned_count": 0, "unassigned_count": 0, "all_count": 0}
    assert listed(Vendor(account), ("status", status)) == {"meta": nothing, "payload": []}
    assert ask(Vendor(account, behaviour="2.14"), "conversations", ("status", status)).status == 500


@pytest.mark.parametrize("behaviour", ["4.7", "2.14", "2026"])
def test_without_ties_the_walks_of_all_statuses_find_every_conversation_once(behaviour: str) -> None:
    vendor = Vendor(generate(300), behaviour=behaviour)
    found = [one for status in STATUSES for one in walk(vendor, ("status", status))]
    assert sorted(found) == list(range(1, 301))


def test_with_ties_a_walk_has_the_right_number_of_rows_but_repeats_some_and_skips_others() -> None:
    account = generate(600, ties=0.8)
    found = walk(Vendor(account), ("status", "resolved"))
    resolved = with_status(account, "resolved")
    assert len(found) == len(resolved)
    assert len(set(found)) < len(found)
    assert set(found) < set(resolved)


def test_ties_are_broken_the_same_way_in_every_run() -> None:
    account = generate(200, ties=0.8)
    assert walk(Vendor(account), ("status", "all")) == walk(Vendor(account), ("status", "all"))


def test_creation_order_completes_a_walk_over_ties() -> None:
    vendor = Vendor(generate(300, ties=0.8))
    assert sorted(walk(vendor, ("status", "all"), ("sort_by", "sort_on_created_at"))) == list(range(1, 301))


def test_rows_come_by_latest_activity_or_by_creation_as_asked() -> None:
    account = generate(200)
    by_activity = sorted(account.conversations.values(), key=lambda row: -row.last_activity_at)
    by_creation = sorted(account.conversations.values(), key=lambda row: row.created_at)
    for behaviour, order, expected in (
        ("4.7", "nonsense", by_activity),
        ("4.7", "sort_on_created_at", by_creation),
        ("4.7", "created_at_asc", by_creation),
        ("2.14", "sort_on_created_at", by_creation),
        ("2.14", "created_at_asc", by_activity),
    ):
        rows = ids(Vendor(account, behaviour=behaviour), ("status", "all"), ("sort_by", order))
        assert rows == [row.id for row in expected[:25]]


def test_counts_tell_the_rows_of_the_filters_whatever_the_assignee_type() -> None:
    account = generate(300)
    account.conversations[1].assignee_id = 1
    rows = [row for row in account.conversations.values() if row.status == "resolved" and row.inbox_id == 3]
    unassigned = sum(row.assignee_id is None for row in rows)
    counts = {
        "mine_count": sum(row.assignee_id == 1 for row in rows),
        "assigned_count": len(rows) - unassigned,
        "unassigned_count": unassigned,
        "all_count": len(rows),
    }
    query = ("status", "resolved"), ("inbox_id", 3)
    vendor = Vendor(account)
    assert listed(vendor, *query)["meta"] == counts
    assert listed(vendor, *query, ("assignee_type", "unassigned"))["meta"] == counts
    assert orjson.loads(ask(vendor, "conversations/meta", *query).body) == {"meta": counts}


def test_assignee_type_filters_the_rows() -> None:
    account = generate(100)
    account.conversations[5].assignee_id = 1
    vendor = Vendor(account)
    everything = ("status", "all")
    assert walk(vendor, everything, ("assignee_type", "me")) == [5]
    unassigned = {row.id for row in account.conversations.values() if row.assignee_id is None}
    assert set(walk(vendor, everything, ("assignee_type", "unassigned"))) == unassigned
    assert set(walk(vendor, everything, ("assignee_type", "assigned"))) == set(range(1, 101)) - unassigned
    assert len(walk(vendor, everything, ("assignee_type", "nonsense"))) == 100


def test_filters_by_inbox_team_and_labels() -> None:
    account = generate(200)
    vendor = Vendor(account)
    rows = account.conversations.values()
    everything = ("status", "all")
    assert sorted(walk(vendor, everything, ("inbox_id", 2))) == [row.id for row in rows if row.inbox_id == 2]
    assert walk(vendor, everything, ("inbox_id", 999)) == []
    assert sorted(walk(vendor, everything, ("team_id", 3))) == [row.id for row in rows if row.team_id == 3]
    labels = ("labels[]", "refund"), ("labels[]", "vip")
    assert sorted(walk(vendor, everything, *labels)) == [row.id for row in rows if {"refund", "vip"} & set(row.labels)]


@pytest.mark.parametrize("team", ["999", ""])
def test_an_unknown_team_is_not_found(team: str) -> None:
    assert ask(Vendor(generate(1)), "conversations", ("team_id", team)).status == 404


def test_a_search_for_words_ignores_the_status_and_its_counts_stop_at_25() -> None:
    account = generate(100)
    for row in list(account.conversations.values())[:40]:
        add_message(account, row.id, "Abracadabra", 1_793_400_000 + row.id)
    vendor = Vendor(account)
    found = listed(vendor, ("status", "snoozed"), ("q", "abracadabra"))
    assert found["meta"]["all_count"] == 25
    assert len(found["payload"]) == 25
    assert len(walk(vendor, ("q", "abracadabra"))) == 40


def test_updated_within_gives_everything_in_one_answer_and_old_servers_do_not_know_it() -> None:
    account = generate(100)
    now = max(row.updated_at for row in account.conversations.values())
    recent = [row.id for row in account.conversations.values() if row.updated_at > now - 40 * 86400]
    query = ("status", "all"), ("updated_within", 40 * 86400), ("page", 3)
    vendor = Vendor(account, clock=lambda: now)
    assert len(recent) > 25
    assert sorted(ids(vendor, *query)) == recent
    assert listed(vendor, *query)["meta"]["all_count"] == 100
    assert len(ids(Vendor(account, behaviour="2.14", clock=lambda: now), *query)) == 25


def test_a_change_between_two_requests_is_seen_by_the_second() -> None:
    account = generate(30)
    vendor = Vendor(account)
    everything = ("status", "all")
    before = ids(vendor, everything, ("page", 2))
    add_message(account, before[-1], "Hello again", 1_793_480_000)
    assert ids(vendor, everything)[0] == before[-1]
    delete_conversation(account, before[0])
    assert len(walk(vendor, everything)) == 29
    moved = walk(vendor, ("status", "resolved"))[0]
    change_conversation(account, moved, 1_793_481_000, by=2, status="snoozed")
    assert walk(vendor, ("status", "snoozed"))[0] == moved
    assert moved not in walk(vendor, ("status", "resolved"))
    account.conversations[moved].labels = ("new-customer", "vip")
    assert moved in walk(vendor, everything, ("labels[]", "vip"))


def test_contacts_in_no_order_repeat_and_skip_and_by_e_mail_those_with_one_are_complete() -> None:
    account = generate(400)
    vendor = Vendor(account)

    def pages(*query: tuple[str, object]) -> list[int]:
        answers = [orjson.loads(ask(vendor, "contacts", *query, ("page", page)).body) for page in range(1, 40)]
        return [row["id"] for answer in answers for row in answer["payload"]]

    reachable = [one for one in account.contacts.values() if one.email or one.phone_number or one.identifier]
    unordered = pages()
    assert len(unordered) == len(reachable)
    assert len(set(unordered)) < len(unordered)
    with_email = {one.id for one in reachable if one.email}
    assert set(pages(("sort", "email"))[: len(with_email)]) == with_email
