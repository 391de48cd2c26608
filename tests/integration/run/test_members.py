"""Members of teams and inboxes, bots, policies and campaigns: what is read of them, and what ends a membership."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from sqlalchemy import Engine, text

from etl.demo.account import Account, Agent, Bot, Campaign, SlaPolicy, Team
from etl.demo.members import BOTS_SECRET, BOTS_TOKEN
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.integration.run.test_dimensions import GONE, NO_ROUTE, REFUSED, contents, everything
from tests.scripted_account import LONG_AGO, Change, Job, account_of, job, server_fault

TEAMS = "SELECT team_id, agent_id, valid_to IS NULL FROM team_members ORDER BY 1, 2, valid_from"
INBOXES = "SELECT inbox_id, agent_id, valid_to IS NULL FROM inbox_members ORDER BY 1, 2, valid_from"
ALL_OF_TEAMS = [(1, 1, True), (1, 2, True), (2, 2, True)]
ALL_OF_INBOXES = [(1, 1, True), (2, 1, True), (2, 2, True)]
STAYS = "(who was one stays one)"


def staffed(conversations: int = 1) -> Account:
    account = account_of(conversations)
    account.teams = {1: Team(1, "sales", members=[1, 2]), 2: Team(2, "returns", members=[2])}
    account.inboxes[1].members, account.inboxes[2].members = [1], [1, 2]
    account.inboxes[1].channel = {"hmac_token": "s3cret-hmac", "imap_password": "s3cret-imap"}
    account.bots = {1: Bot(1, "Robo", "Answers at night"), 2: Bot(2, "Of all", is_of_system=True)}
    account.campaigns = [
        Campaign(1, "Hello", "Can we help?", 1, LONG_AGO, 2, trigger_rules={"url": "https://x.example", "time_on_page": 9}),
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
    with job(staffed(), engine, behaviour=behaviour) as etl:
        run = etl.run()
        assert (run.outcome, run.notes[:1]) == (
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
        rules = {"url": "https://x.example", "time_on_page": 9}
        assert etl.rows(
            "SELECT id, title, description, message, campaign_type, campaign_status, enabled, inbox_id, sender_id,"
            " audience, trigger_rules, trigger_only_during_business_hours, scheduled_at, created_at, updated_at, extra"
            " FROM campaigns ORDER BY id"
        ) == [
            (
                *(1, "Hello", None, "Can we help?", "ongoing", "active", True, 1, 2),
                *(None, rules, False, None, at(LONG_AGO), at(LONG_AGO), None),
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
    wrong: dict[str, Answer] = {}
    with job(staffed(), engine, change=answering(wrong), behaviour="2026") as etl:
        run = etl.run()
        sent = [
            orjson.loads(etl.vendor(request).body) for request in etl.vendor.requests if "s/agent_bots" in request.path
        ]
        campaigns = [orjson.loads(etl.vendor(one).body) for one in etl.vendor.requests if "/campaigns" in one.path]
        assert (sent[0][0]["access_token"], sent[0][0]["secret"]) == (BOTS_TOKEN, BOTS_SECRET)
        assert campaigns[0][0]["inbox"]["hmac_token"] == "s3cret-hmac"
        wrong["/agent_bots"] = json_answer([sent[0][0] | {"id": "seven"}, sent[0][1]])
        wrong["/campaigns"] = json_answer([campaigns[0][0] | {"id": "eight"}, campaigns[0][1]])
        bad = etl.run()
        assert (run.outcome, bad.outcome, bad.tally.rejected) == ("complete", "incomplete", 2)
        told = everything(etl) + repr([run, bad]) + caplog.text
    for secret in (BOTS_TOKEN, BOTS_SECRET, "s3cret"):
        assert secret not in told


def test_a_membership_ends_when_a_run_sees_it_and_begins_again_as_another_one(engine: Engine) -> None:
    account = staffed()
    with job(account, engine) as etl:
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


def test_nothing_ends_before_it_began_where_the_clock_went_back(engine: Engine) -> None:
    account = staffed()
    with job(account, engine) as etl:
        etl.run()
        with engine.begin() as connection:
            connection.execute(text("UPDATE helpdesk.team_members SET valid_from = now() + interval '1 day'"))
        for members in ([1], [1, 2], [1]):
            account.teams[1].members = members
            assert etl.run().outcome == "complete"
        assert etl.rows(
            "SELECT count(*), bool_and(valid_to > valid_from) FROM team_members WHERE team_id = 1 AND agent_id = 2"
        ) == [(2, True)]
