"""`etl check` against a server: what it says of each finding, and that it copes with what a run copes with."""

import pytest

from etl.commands.check import Finding, check_vendor
from etl.demo.server import json_answer, text_answer
from etl.demo.vendor import Vendor
from etl.settings.settings import Settings, load
from tests.scripted_account import account_of

FAULT = json_answer({"status": 500, "error": "Internal Server Error"}, 500)
LISTS = (
    "all can be read: inboxes, agents, teams, labels, contacts, survey responses, custom attributes, bots, campaigns,"
    " SLA policies, the vendor's own counts, the vendor's own events"
)
NOT_TO_BE_HAD = "not to be had on this server, or not with this token: {}."
WITHOUT = "A run does without; what they would tell is not in the tables."


@pytest.fixture
def findings_of(bare_environment, serving):
    """Return what is found out about a served account, by name, but for the settings; `change` changes answers."""

    def look(change=lambda _, answer: answer, token="demo-token", **vendor):
        account = vendor.pop("account", None) or account_of(3)
        app = Vendor(account, **vendor)
        url = serving(lambda request: change(request, app(request)))
        settings = load(Settings, base_url=url, account_id=1, api_token=token)
        found = list(check_vendor(settings))
        assert found[0].name == "settings"
        return url, {one.name: one for one in found[1:]}

    return look


def at(path, answer):
    return lambda request, given: answer if request.path == path else given


def test_all_is_well(findings_of):
    _, found = findings_of(behaviour="2026")
    assert [one.ok for one in found.values()] == [True] * 5
    assert found["lists"] == Finding(True, "lists", LISTS)


def test_what_this_server_does_not_have_is_named(findings_of):
    _, found = findings_of(behaviour="4.7")
    said = NOT_TO_BE_HAD.format("SLA policies, the vendor's own events")
    assert found["lists"] == Finding(None, "lists", said, WITHOUT)


def test_reports_and_events_are_asked_for_a_second_only_and_named_where_they_are_refused(findings_of):
    asked = {}

    def change(request, answer):
        asked[request.path] = request.query
        return FAULT if request.path.endswith("/reports/summary") else answer

    _, found = findings_of(change, behaviour="2026")
    assert found["lists"] == Finding(None, "lists", NOT_TO_BE_HAD.format("the vendor's own counts"), WITHOUT)
    assert asked["/api/v2/accounts/1/reports/summary"] == [("type", "account"), ("since", "0"), ("until", "1")]
    assert asked["/api/v1/accounts/1/reporting_events"] == [("since", "0"), ("until", "1")]


@pytest.mark.parametrize("answer", [FAULT, text_answer("<html>", 502), text_answer("<html>", 200)])
def test_a_server_that_fails_to_tell_its_version_is_reached_all_the_same(findings_of, answer):
    _, found = findings_of(at("/api", answer), behaviour="2026")
    assert (found["server"].ok, found["server"].advice) == (None, "")
    assert found["server"].said.startswith("reached; it does not tell its version (http://127.0.0.1:")
    assert [one.ok for one in list(found.values())[1:]] == [True] * 4


def test_a_server_that_fails_altogether_is_a_fault(findings_of):
    _, found = findings_of(lambda *_: FAULT)
    assert [one.ok for one in found.values()] == [False]
    assert found["server"].advice == "Is ETL_BASE_URL right? Does a proxy or firewall stand between?"


def test_a_broken_conversation_on_the_first_page_is_no_fault(findings_of):
    account = account_of(3)
    account.conversations[2].contact_id = 99  # a 500 on the real server, and so is its page
    url, found = findings_of(account=account, behaviour="2026")
    asked = f"{url}/api/v1/accounts/1/conversations?status=open&page=1"
    assert found["account"].ok is None
    assert found["account"].said == (
        f"conversations can be counted; 3 are open. Their first page cannot be read ({asked}: the server answered 500:"
        ' {"status":500,"error":"Internal Server Error"})'
    )
    assert found["lists"].ok


def test_where_nothing_of_the_account_can_be_read_it_is_a_fault(findings_of):
    def change(request, answer):
        return FAULT if "/conversations" in request.path else answer

    _, found = findings_of(change)
    assert found["account"].ok is False


def test_a_profile_that_fails_is_no_wrong_token(findings_of):
    _, found = findings_of(at("/api/v1/profile", FAULT))
    assert found["token"].ok is None
    assert found["account"].ok


@pytest.mark.parametrize("profile", [[], {"id": 1, "accounts": None}, {"id": 1, "accounts": [None, "x"]}])
def test_a_profile_of_another_shape_tells_nothing(findings_of, profile):
    _, found = findings_of(at("/api/v1/profile", json_answer(profile)))
    assert found["account"].ok


def refused(said):
    return json_answer({"error": said}, 401)


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (refused("Invalid Access Token"), "Copy the access token"),
        (refused("Account is suspended"), "Ask the vendor why the account is suspended."),
        (refused("Access to this endpoint is not authorized for bots"), "A bot may not read conversations."),
        (refused("You are not authorized to do this action"), "The token's user may not read conversations"),
        (refused("You are not authorized to access this account"), "Are ETL_ACCOUNT_ID and the token of the same"),
        (
            json_answer({"errors": ["You need to sign in or sign up before continuing."]}, 401),
            "Have the proxy in between let the header api-access-token through.",
        ),
        (json_answer({"error": "no"}, 404), "Are ETL_ACCOUNT_ID and the token of the same account?"),
    ],
)
def test_the_advice_is_about_the_reason_that_the_vendor_gives(findings_of, answer, advice):
    _, found = findings_of(at("/api/v1/accounts/1/conversations", answer))
    assert found["account"].ok is False
    assert found["account"].advice.startswith(advice)


def test_a_wrong_token_is_said_to_be_one(findings_of):
    _, found = findings_of(token="another-token")
    assert (found["token"].ok, found["token"].advice[:21]) == (False, "Copy the access token")
