import orjson
import pytest

from etl.demo.account import Account
from etl.demo.generate import generate
from etl.demo.server import Request
from etl.demo.vendor import Vendor

LIST = "/api/v1/accounts/1/conversations"
ADMIN = {"api_access_token": "demo-token"}


def answer_of(vendor: Vendor, path: str, headers: dict[str, str] = ADMIN) -> tuple[int, object]:
    answer = vendor(Request(path, [], headers))
    return answer.status, orjson.loads(answer.body)


def test_without_a_token_or_with_one_in_the_wrong_header_one_has_to_sign_in() -> None:
    refusal = 401, {"errors": ["You need to sign in or sign up before continuing."]}
    assert answer_of(Vendor(generate(1)), LIST, {}) == refusal
    assert answer_of(Vendor(generate(1)), LIST, {"authorization": "Bearer demo-token"}) == refusal
    assert answer_of(Vendor(generate(1)), "/api/v1/profile", {}) == refusal


def test_a_wrong_token_is_invalid() -> None:
    wrong = {"api_access_token": "wrong"}
    assert answer_of(Vendor(generate(1)), LIST, wrong) == (401, {"error": "Invalid Access Token"})


@pytest.mark.parametrize("header", ["api_access_token", "api-access-token"])
def test_both_spellings_of_the_header_are_known(header: str) -> None:
    assert answer_of(Vendor(generate(1), token="mine"), LIST, {header: "mine"})[0] == 200


def test_an_account_may_be_foreign_suspended_or_unknown() -> None:
    vendor = Vendor([generate(1), Account(2, "Theirs"), Account(3, "Late", status="suspended")], foreign=frozenset({2}))
    path = "/api/v1/accounts/{}/conversations"
    assert {number: answer_of(vendor, path.format(number)) for number in (2, 3, 999, "abc")} == {
        2: (401, {"error": "You are not authorized to access this account"}),
        3: (401, {"error": "Account is suspended"}),
        999: (404, {"error": "Resource could not be found"}),
        "abc": (404, {"error": "Resource could not be found"}),
    }


@pytest.mark.parametrize("path", ["999999", "abc", "999999/messages", "0"])
def test_an_unknown_conversation_is_not_found(path: str) -> None:
    assert answer_of(Vendor(generate(3)), f"{LIST}/{path}") == (404, {"error": "Resource could not be found"})


@pytest.mark.parametrize("path", ["/", "/api/v2", "/api/v1/accounts/1/nosuch", "/api/v1/accounts/1"])
def test_an_unknown_address_is_not_found_in_other_words(path: str) -> None:
    answer = Vendor(generate(1))(Request(path, [], ADMIN))
    assert (answer.status, answer.content_type) == (404, "text/html")


def test_an_inbox_hidden_from_the_token_is_missing_from_lists_and_forbidden_by_id() -> None:
    account = generate(100)
    hidden = [row.id for row in account.conversations.values() if row.inbox_id == 3]
    vendor = Vendor(account, hidden_inboxes=frozenset({3}))
    answer = vendor(Request(LIST, [("status", "all")], ADMIN))
    assert orjson.loads(answer.body)["data"]["meta"]["all_count"] == 100 - len(hidden)
    forbidden = 401, {"error": "You are not authorized to do this action"}
    assert answer_of(vendor, f"{LIST}/{hidden[0]}") == forbidden
    assert answer_of(vendor, f"{LIST}/{hidden[0]}/messages") == forbidden


def test_a_conversation_without_its_contact_breaks_its_whole_page_and_no_other() -> None:
    account = generate(60)
    oldest = min(account.conversations.values(), key=lambda row: row.last_activity_at)
    account.contacts[1000] = account.contacts.pop(oldest.contact_id)
    vendor = Vendor(account)
    statuses = [vendor(Request(LIST, [("status", "all"), ("page", page)], ADMIN)).status for page in ("1", "3")]
    assert statuses[1] == 500
    assert answer_of(vendor, f"{LIST}/{oldest.id}") == (500, {"status": 500, "error": "Internal Server Error"})


def test_the_limit_counts_the_requests_of_a_minute_of_the_clock_refused_ones_too() -> None:
    now = [119.0]
    vendor = Vendor(generate(1), requests_per_minute=2, clock=lambda: now[0])
    request = Request(LIST, [], ADMIN)
    assert [vendor(request).status for _ in range(3)] == [200, 200, 429]
    now[0] = 120.0
    assert [vendor(request).status for _ in range(3)] == [200, 200, 429]
    answer = vendor(request)
    assert (answer.status, answer.body, answer.content_type, answer.headers) == (
        429,
        b"Retry later\n",
        "text/plain",
        {},
    )
    assert len(vendor.requests) == 7


def test_every_request_is_kept_in_order() -> None:
    vendor = Vendor(generate(1))
    requests = [Request("/api"), Request(LIST, [("page", "2")], ADMIN), Request("/nowhere")]
    for request in requests:
        vendor(request)
    assert vendor.requests == requests


def test_the_version_needs_no_token() -> None:
    vendors = {behaviour: Vendor(generate(1), behaviour=behaviour, clock=lambda: 0) for behaviour in ("2.14", "4.7")}
    assert {behaviour: answer_of(vendor, "/api", {}) for behaviour, vendor in vendors.items()} == {
        behaviour: (
            200,
            {"version": version, "timestamp": "1970-01-01 00:00:00", "queue_services": "ok", "data_services": "ok"},
        )
        for behaviour, version in (("2.14", "2.14.0"), ("4.7", "4.7.0"))
    }


def test_the_profile_tells_the_user_the_accounts_and_the_token_itself() -> None:
    vendor = Vendor([generate(1), Account(2, "Theirs")], foreign=frozenset({2}))
    status, profile = answer_of(vendor, "/api/v1/profile")
    assert isinstance(profile, dict)
    assert (status, profile["access_token"], profile["role"], profile["email"]) == (
        200,
        "demo-token",
        "administrator",
        "daniel@shop.example.com",
    )
    assert [(one["id"], one["name"], one["role"]) for one in profile["accounts"]] == [
        (1, "Demo Store", "administrator")
    ]
