"""Members of teams and inboxes, bots, policies and campaigns: what is read of them, and what ends a membership."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from sqlalchemy import Engine, text

from etl.demo.account import OUTGOING, Account, Agent, Bot, Team
from etl.demo.events import add_message
from etl.demo.members import BOTS_SECRET, BOTS_TOKEN, bot_payload, campaign_payload, members_payload
from etl.demo.promises import Campaign, SlaPolicy
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.integration.run.test_dimensions import GONE, NO_ROUTE, REFUSED, contents, everything
from tests.personal_data import KEY
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job, notes_of, server_fault, walking_job

TEAMS = "SELECT team_id, agent_id, valid_to IS NULL FROM team_members ORDER BY 1, 2, valid_from"
INBOXES = "SELECT inbox_id, agent_id, valid_to IS NULL FROM inbox_members ORDER BY 1, 2, valid_from"
ALL_OF_TEAMS = [(1, 1, True), (1, 2, True), (2, 2, True)]
ALL_OF_INBOXES = [(1, 1, True), (2, 1, True), (2, 2, True)]
RULES = {"url": "https://x.example", "time_on_page": 9}
STAYS = "(who was one stays one)"


def staffed(conversations: int = 1) -> Account:
    account = account_of(conversations)
    account.teams = {1: Team(1, "sales", members=[1, 2]), 2: Team(2, "returns", members=[2])}
    account.inboxes[1].members, account.inboxes[2].members = [1], [1, 2]
    account.inboxes[1].channel = {"hmac_token": "s3cret-hmac", "imap_password": "s3cret-imap"}
    account.bots = {1: Bot(1, "Robo", "Answers at night"), 2: Bot(2, "Of all", is_of_system=True)}
    account.campaigns = [
        Campaign(1, "Hello", "Can we help?", 1, LONG_AGO, 2, trigger_rules=RULES),
        Campaign(
            *(2, "Sale", "10% off", 2, LONG_AGO), campaign_type="one_off", campaign_status="completed",
            scheduled_at=LONG_AGO + 60, audience=[{"id": 1, "type": "Label"}],
        ),
    ]  # fmt: skip
    account.sla_policies = [SlaPolicy(1, "VIP", None, 3600.0, None, 86400.5, only_during_business_hours=True)]
    return account


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def answering(answers: dict[str, Answer]) -> Change:
    """Answer for the ends of some addresses; `answers` may change between runs."""

    def change(request: Request, given: Answer) -> Answer:
        return next((answer for end, answer in answers.items() if request.path.endswith(end)), given)

    return change


def asked(etl: Job) -> list[str]:
    paths = [request.path.removeprefix("/api/v1/accounts/1/") for request in etl.vendor.requests]
    return sorted(one for one in paths if "members" in one or one in {"agent_bots", "campaigns", "sla_policies"})


LISTED = ["agent_bots", "campaigns", "inbox_members/1", "inbox_members/2", "sla_policies"]
LISTED += ["teams/1/team_members", "teams/2/team_members"]


@pytest.mark.parametrize("behaviour", ["2026", "4.7", "2.14"])
def test_members_bots_policies_and_campaigns_are_read_and_a_second_run_writes_nothing(
    engine: Engine, behaviour: str
) -> None:
    with walking_job(staffed(), engine, behaviour=behaviour) as etl:
        run = etl.run()
        assert (run.outcome, notes_of(run)[:1]) == (
            "complete",
            ["The server reads 20 messages at a time, as those before Chatwoot 2.16 do."]
            if behaviour == "2.14"
            else [],
        )
        assert asked(etl) == LISTED
        assert (etl.rows(TEAMS), etl.rows(INBOXES)) == (ALL_OF_TEAMS, ALL_OF_INBOXES)
        assert etl.rows("SELECT DISTINCT valid_from >= :at FROM team_members", at=run.started_at) == [(True,)]
        assert etl.rows("SELECT type, id, name, description, bot_type, extra FROM bots ORDER BY id") == [
            ("agent_bot", 1, "Robo", "Answers at night", "webhook", None),
            ("agent_bot", 2, "Of all", None, "webhook", None),
        ]
        assert etl.rows(
            "SELECT id, title, description, message, campaign_type, campaign_status, enabled, inbox_id, sender_id,"
            " audience, trigger_rules, trigger_only_during_business_hours, scheduled_at, created_at, updated_at, extra"
            " FROM campaigns ORDER BY id"
        ) == [
            (
                *(1, "Hello", None, "Can we help?", "ongoing", "active", True, 1, 2),
                *(None, RULES, False, None, at(LONG_AGO), at(LONG_AGO), None),
            ),
            (
                *(2, "Sale", None, "10% off", "one_off", "completed", True, 2, None),
                *([{"id": 1, "type": "Label"}], {}, False, at(LONG_AGO + 60), at(LONG_AGO), at(LONG_AGO), None),
            ),
        ]
        assert etl.rows(
            "SELECT id, name, description, first_response_time_threshold, next_response_time_threshold,"
            " resolution_time_threshold, only_during_business_hours, extra FROM sla_policies"
        ) == ([(1, "VIP", None, 3600.0, None, 86400.5, True, None)] if behaviour == "2026" else [])
        assert etl.rows("SELECT id, is_listed FROM agents ORDER BY 1") == [(1, True), (2, True)]
        before = contents(etl)
        assert etl.run().outcome == "complete"
        assert (asked(etl), contents(etl)) == (LISTED, before)


def test_no_secret_of_a_bot_or_of_a_campaigns_inbox_is_stored_or_said(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where their records cannot be read."""
    account, wrong = staffed(), dict[str, Answer]()
    bots = [bot_payload(account, bot, "2026") for bot in account.bots.values()]
    campaigns = [campaign_payload(account, campaign, "2026") for campaign in account.campaigns]
    assert (bots[0]["access_token"], bots[0]["secret"]) == (BOTS_TOKEN, BOTS_SECRET)
    assert campaigns[0]["inbox"]["hmac_token"] == "s3cret-hmac"
    with walking_job(account, engine, change=answering(wrong), behaviour="2026") as etl:
        run = etl.run()
        wrong["/agent_bots"] = json_answer([bots[0] | {"id": "seven"}, bots[1], BOTS_SECRET])
        wrong["/campaigns"] = json_answer([campaigns[0] | {"id": "eight"}, campaigns[1]])
        bad = etl.run()
        assert (run.outcome, bad.outcome, bad.tally.rejected) == ("complete", "incomplete", 3)
        told = everything(etl) + repr([run, bad]) + caplog.text
    for secret in (BOTS_TOKEN, BOTS_SECRET, "s3cret"):
        assert secret not in told


def test_a_membership_ends_when_a_run_sees_it_and_begins_again_as_another_one(engine: Engine) -> None:
    account = staffed()
    with walking_job(account, engine) as etl:
        etl.run()
        account.teams[1].members, account.inboxes[2].members = [1], [2]
        second = etl.run()
        # Each list that has changed is asked for twice.
        assert asked(etl) == sorted([*LISTED, "inbox_members/2", "teams/1/team_members"])
        account.teams[1].members = [2, 1]
        third = etl.run()
        assert (second.outcome, third.outcome) == ("complete", "complete")
        assert etl.rows(TEAMS) == [(1, 1, True), (1, 2, False), (1, 2, True), (2, 2, True)]
        assert etl.rows(INBOXES) == [(1, 1, True), (2, 1, False), (2, 2, True)]
        ((ended, begun),) = etl.rows(
            "SELECT min(valid_to), max(valid_from) FROM team_members WHERE team_id = 1 AND agent_id = 2"
        )
        assert second.started_at < ended < third.started_at < begun


@pytest.mark.long
def test_nothing_ends_before_it_began_where_the_clock_went_back(engine: Engine) -> None:
    account = staffed()
    with walking_job(account, engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.team_members SET valid_from = now() + interval '1 day'"))
        for members in ([1], [1, 2], [1]):
            account.teams[1].members = members
            assert etl.run().outcome == "complete"
        assert etl.rows(
            "SELECT count(*), bool_and(valid_to > valid_from) FROM team_members WHERE team_id = 1 AND agent_id = 2"
        ) == [(2, True)]


def test_with_its_team_or_inbox_a_membership_ends_when_two_answers_say_so(engine: Engine) -> None:
    account, answers = staffed(), dict[str, Answer]()
    with walking_job(account, engine, change=answering(answers)) as etl:
        etl.run()
        # Only the list lacks it, as it does for a token that may not see an inbox.
        answers["/teams"] = json_answer([])
        assert notes_of(etl.run()) == []
        assert etl.rows(TEAMS) == ALL_OF_TEAMS
        # Only its members are not found: perhaps none are, on this server.
        answers.clear()
        answers["teams/1/team_members"] = GONE
        assert notes_of(etl.run()) == [
            f"Not read: the members of 1 of 2 teams {STAYS}. Why: this server does not have it."
        ]
        assert etl.rows(TEAMS) == ALL_OF_TEAMS
        answers.clear()
        del account.teams[1]
        run = etl.run()
        assert (run.outcome, notes_of(run)) == ("complete", [])
        assert etl.rows(TEAMS) == [(1, 1, False), (1, 2, False), (2, 2, True)]
        etl.run()
        assert [one for one in asked(etl) if "team" in one] == ["teams/2/team_members"]


FAILS: list[tuple[Answer, str]] = [
    (NO_ROUTE, "this server does not have it"),
    (REFUSED, "it takes an administrator's token"),
    (json_answer({"payload": None}), "the server failed: the answer is no list"),
]


@pytest.mark.parametrize(("answer", "why"), FAILS, ids=["missing", "forbidden", "no list"])
def test_without_any_of_the_lists_one_note_says_so_and_nothing_has_ended(
    engine: Engine, answer: Answer, why: str
) -> None:
    answers = dict[str, Answer]()
    with walking_job(staffed(), engine, change=answering(answers)) as etl:
        etl.run()
        before = contents(etl)
        answers |= dict.fromkeys(("team_members", "inbox_members/1", "inbox_members/2"), answer)
        answers |= dict.fromkeys(("/agent_bots", "/campaigns"), answer)
        run = etl.run()
        assert (run.outcome, run.problems, notes_of(run)) == (
            "complete",
            [],
            [
                f"Not read: the members of teams {STAYS}; the members of inboxes {STAYS}; bots without a conversation"
                " (conversations and messages tell the others); the campaigns (messages tell the numbers of theirs)."
                f" Why: {why}."
            ],
        )
        assert contents(etl) == before
        # A server that refuses one may give the next; one that has none is asked for no more than one of each.
        many = ["inbox_members/2", "teams/2/team_members"] if answer is REFUSED else []
        assert asked(etl) == sorted({*LISTED} - {"inbox_members/2", "teams/2/team_members"} | {*many})


@pytest.mark.long
def test_lists_that_fail_are_asked_for_again_a_few_times_and_end_nothing(engine: Engine) -> None:
    answers = dict[str, Answer]()
    with walking_job(staffed(), engine, change=answering(answers)) as etl:
        etl.run()
        answers["inbox_members/1"] = server_fault()
        run = etl.run(retry_attempts=1)
        (said,) = notes_of(run)
        assert said.startswith(f"Not read: the members of inboxes {STAYS}. Why: the server failed: {etl.url}/")
        assert (run.outcome, etl.rows(INBOXES)) == ("complete", ALL_OF_INBOXES)


def test_an_inbox_that_the_token_may_not_see_keeps_its_members_and_the_others_are_read(engine: Engine) -> None:
    account = staffed()
    with job(account, engine) as etl:
        etl.run()
    with job(account, engine, hidden_inboxes=frozenset({2})) as etl:
        account.inboxes[1].members, account.inboxes[2].members = [1, 2], []
        run = etl.run()
        assert notes_of(run)[0] == (
            "Not read: names and types of custom attributes (conversations and contacts tell keys and values);"
            f" the members of 1 of 2 inboxes {STAYS}; the campaigns (messages tell the numbers of theirs)."
            " Why: it takes an administrator's token."
        )
        assert etl.rows(INBOXES) == [(1, 1, True), (1, 2, True), (2, 1, True), (2, 2, True)]


def test_a_list_that_is_another_ones_or_changes_while_it_is_read_ends_nothing(engine: Engine) -> None:
    """Members do not say of what they are: an answer that comes once, and not the second time, is none."""
    account, first = staffed(), ["teams/1/team_members"]

    def change(request: Request, given: Answer) -> Answer:
        if first and request.path.endswith(first[0]):
            first.clear()
            return json_answer(members_payload(account, [], "4.7"))
        return given

    with walking_job(account, engine, change=change) as etl:
        etl.run()
        etl.run()
        first.append("teams/1/team_members")
        run = etl.run()
        assert (first, run.outcome, notes_of(run)) == ([], "complete", [])
        assert etl.rows(TEAMS) == ALL_OF_TEAMS


@pytest.mark.long
def test_an_answer_of_another_list_or_account_is_refused(engine: Engine) -> None:
    answers = dict[str, Answer]()
    foreign = members_payload(Account(2, "Other", agents={1: Agent(1, "A", "a@example.com")}), [1], "4.7")
    with walking_job(staffed(), engine, change=answering(answers)) as etl:
        etl.run()
        before = contents(etl)
        answers["teams/1/team_members"] = json_answer(foreign)
        answers["inbox_members/1"] = json_answer({"payload": [{"id": 1, "name": "sales", "allow_auto_assign": True}]})
        run = etl.run()
        (said,) = notes_of(run)
        assert said.startswith(
            f"Not read: the members of teams {STAYS}; the members of inboxes {STAYS}. Why: the server"
        )
        assert (run.outcome, contents(etl)) == ("complete", before)


@pytest.mark.parametrize("administrator", [True, False])
def test_that_nobody_is_a_member_any_more_is_believed_from_an_administrators_token_only(
    engine: Engine, administrator: bool
) -> None:
    account, answers = staffed(), dict[str, Answer]()
    with walking_job(account, engine, change=answering(answers)) as etl:
        etl.run()
        if not administrator:
            answers["/profile"] = NO_ROUTE
        for one in (*account.teams.values(), *account.inboxes.values()):
            one.members = []
        run = etl.run()
        assert run.outcome == "complete"
        ended = [(team, agent, False) for team, agent, _ in ALL_OF_TEAMS]
        assert etl.rows(TEAMS) == (ended if administrator else ALL_OF_TEAMS)
        doubted = (
            "No team and no inbox has any member, of 2 agents that were some, by a token that is not known to be an"
            " administrator's. It is not believed: who was a member stays one."
        )
        assert (doubted in notes_of(run)) is not administrator


@pytest.mark.long
def test_a_member_that_cannot_be_read_is_kept_aside_and_ends_nothing(engine: Engine) -> None:
    account, answers = staffed(), dict[str, Answer]()
    (alice,) = members_payload(account, [1], "4.7")
    with walking_job(account, engine, change=answering(answers)) as etl:
        etl.run()
        answers["teams/1/team_members"] = json_answer([alice, alice | {"id": "two"}])
        run = etl.run()
        assert (run.outcome, run.tally.rejected, etl.rows(TEAMS)) == ("incomplete", 1, ALL_OF_TEAMS)


@pytest.mark.long
def test_who_is_an_agent_is_what_the_last_list_that_could_be_read_says(engine: Engine) -> None:
    account, answers = staffed(), dict[str, Answer]()
    account.agents[3] = Agent(3, "Gone", "gone@example.com", left=True)
    add_message(account, 1, "signed", LONG_AGO + 500, sender_type="User", sender_id=3, message_type=OUTGOING)
    listed = "SELECT id, is_listed FROM agents ORDER BY id"
    with walking_job(account, engine, change=answering(answers)) as etl:
        etl.run()
        assert etl.rows(listed) == [(1, True), (2, True), (3, False)]
        account.agents[2].left = True
        for answer in (REFUSED, NO_ROUTE, json_answer([])):
            answers["/agents"] = answer
            assert etl.run().outcome == "complete"
            assert etl.rows(listed) == [(1, True), (2, True), (3, False)]
        answers.clear()
        etl.run()
        assert etl.rows(listed) == [(1, True), (2, False), (3, False)]
        account.agents[2].left = account.agents[3].left = False
        etl.run()
        assert etl.rows(listed) == [(1, True), (2, True), (3, True)]


@pytest.mark.long
def test_an_agent_who_came_while_the_run_went_on_is_not_taken_for_one_who_left(engine: Engine) -> None:
    account, lists = staffed(), Counter[str]()

    def change(request: Request, given: Answer) -> Answer:
        lists[request.path] += 1
        if request.path.endswith("/agents") and lists[request.path] == 1:
            account.agents[4] = Agent(4, "New", "new@example.com")
            add_message(account, 1, "hello", LONG_AGO + 600, sender_type="User", sender_id=4, message_type=OUTGOING)
        return given

    with job(account, engine, change=change) as etl:
        assert etl.run().outcome == "complete"
        assert etl.rows("SELECT id, is_listed FROM agents ORDER BY id") == [(1, True), (2, True), (4, True)]


@pytest.mark.long
def test_a_run_of_less_than_everything_asks_for_none_of_it(engine: Engine) -> None:
    with job(staffed(), engine) as etl:
        etl.run()
        etl.run(Selection(recent=True))
        assert asked(etl) == []
        etl.run(Selection(kind="backfill", conversations=(1,)))
        assert asked(etl) == []


@pytest.mark.long
def test_policies_that_a_server_does_not_have_are_missed_only_where_conversations_refer_to_some(engine: Engine) -> None:
    with walking_job(staffed(), engine) as etl:
        assert notes_of(etl.run()) == []
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.conversations SET sla_policy_id = 1"))
        assert notes_of(etl.run()) == [
            "Not read: names and limits of SLA policies (conversations tell their numbers). Why: this server does not"
            " have it."
        ]


@pytest.mark.long
@pytest.mark.parametrize("pii", ["hash", "drop"])
def test_where_personal_data_are_not_kept_no_text_of_a_campaign_is(engine: Engine, pii: str) -> None:
    account = staffed()
    account.campaigns[0].message = "Ask for Dana Levi, dana@example.com"
    with job(account, engine, behaviour="2026") as etl:
        run = etl.run(pii=pii, pii_key=KEY) if pii == "hash" else etl.run(pii=pii)
        assert run.outcome == "complete"
        assert etl.rows("SELECT id, title, message, audience, trigger_rules FROM campaigns ORDER BY id") == [
            (1, "Hello", None, None, {"time_on_page": 9}),
            (2, "Sale", None, [{"id": 1, "type": "Label"}], {}),
        ]
        assert etl.rows("SELECT id, email FROM agents ORDER BY 1") == [(1, "alice@example.com"), (2, "bob@example.com")]


@pytest.mark.long
@pytest.mark.parametrize("times", [1, 2])
def test_another_teams_answer_begins_no_membership_in_one_that_had_no_member(engine: Engine, times: int) -> None:
    """Who really came is a member by two answers."""
    account = staffed()
    account.teams[3] = Team(3, "night", members=[])
    left = [0]

    def change(request: Request, given: Answer) -> Answer:
        if request.path.endswith("teams/3/team_members") and left[0]:
            left[0] -= 1
            return json_answer(members_payload(account, [1, 2], "4.7"))
        return given

    with walking_job(account, engine, change=change) as etl:
        etl.run()
        assert etl.rows(TEAMS) == ALL_OF_TEAMS
        left[0] = times
        etl.run()
        assert etl.rows(TEAMS) == ALL_OF_TEAMS + ([(3, 1, True), (3, 2, True)] if times == 2 else [])
