"""Who belongs to what as the vendor sends it: members of teams and inboxes; and bots, campaigns, SLA policies."""

from typing import Any

from etl.demo.account import Account, Bot
from etl.demo.asked import FORBIDDEN, NO_SUCH_ROUTE, Asked, Handler
from etl.demo.dimensions import OLD, agent_payload, inbox_payload, iso, whole
from etl.demo.finders import NotFoundError, number
from etl.demo.promises import Campaign, SlaPolicy
from etl.demo.server import Answer, json_answer

NEWEST = "2026"
# What an administrator gets to see of every bot.
BOTS_TOKEN, BOTS_SECRET = "demo-bot-token", "demo-bot-secret"


def members_payload(account: Account, member_ids: list[int], behaviour: str) -> list[dict[str, Any]]:
    """Make the list of members; who has left the account stays in teams, without a role."""
    return [
        agent_payload(account, agent, behaviour)
        | ({"role": None, "availability_status": None, "auto_offline": None} if agent.left else {})
        for member_id in member_ids
        if (agent := account.agents.get(member_id))
    ]


def bot_payload(account: Account, bot: Bot, behaviour: str) -> dict[str, Any]:
    """Make an item of `/agent_bots`; one of the installation itself has no account."""
    payload: dict[str, Any] = {
        "id": bot.id,
        "name": bot.name,
        "description": bot.description,
        "thumbnail": "",
        "outgoing_url": f"https://bots.example.com/{bot.id}?key={BOTS_SECRET}",
        "bot_type": "webhook",
        "bot_config": {},
        "account_id": None if bot.is_of_system else account.id,
        "access_token": BOTS_TOKEN,
        "secret": BOTS_SECRET,
        "system_bot": bot.is_of_system,
    }
    if behaviour == OLD:
        for name in ("thumbnail", "secret", "system_bot"):
            del payload[name]
    return payload


def campaign_payload(account: Account, campaign: Campaign, behaviour: str) -> dict[str, Any]:
    """Make an item of `/campaigns`, with a whole inbox; the sender is left out where there is none."""
    sender = account.agents.get(campaign.sender_id or 0)
    is_one_off = campaign.campaign_type == "one_off"
    return {
        "id": campaign.id,
        "title": campaign.title,
        "description": campaign.description,
        "account_id": account.id,
        "inbox": inbox_payload(account.inboxes[campaign.inbox_id], behaviour),
        **({"sender": agent_payload(account, sender, behaviour)} if sender else {}),
        "message": campaign.message,
        "campaign_status": campaign.campaign_status,
        "enabled": campaign.enabled,
        "campaign_type": campaign.campaign_type,
        **({"scheduled_at": whole(campaign.scheduled_at), "audience": campaign.audience} if is_one_off else {}),
        "trigger_rules": campaign.trigger_rules,
        "trigger_only_during_business_hours": False,
        "created_at": iso(campaign.created_at),
        "updated_at": iso(campaign.created_at),
    }


def policy_payload(policy: SlaPolicy) -> dict[str, Any]:
    """Make an item of `/sla_policies`."""
    return {
        "id": policy.id,
        "name": policy.name,
        "description": policy.description,
        "first_response_time_threshold": policy.first_response,
        "next_response_time_threshold": policy.next_response,
        "resolution_time_threshold": policy.resolution,
        "only_during_business_hours": policy.only_during_business_hours,
    }


def _team_members(asked: Asked, key: str) -> Answer:
    team = asked.account.teams.get(number(key))
    if team is None:
        raise NotFoundError
    return json_answer(members_payload(asked.account, team.members, asked.viewer.behaviour))


def _inbox_members(asked: Asked, key: str) -> Answer:
    inbox = asked.account.inboxes.get(number(key))
    if inbox is None:
        raise NotFoundError
    if inbox.id in asked.viewer.hidden_inboxes:
        return FORBIDDEN
    return json_answer({"payload": members_payload(asked.account, inbox.members, asked.viewer.behaviour)})


def _agent_bots(asked: Asked) -> Answer:
    bots = asked.account.bots.values()
    return json_answer([bot_payload(asked.account, bot, asked.viewer.behaviour) for bot in bots])


def _campaigns(asked: Asked) -> Answer:
    if asked.viewer.is_agent:
        return FORBIDDEN
    account, behaviour = asked.account, asked.viewer.behaviour
    return json_answer([campaign_payload(account, campaign, behaviour) for campaign in account.campaigns])


def _sla_policies(asked: Asked) -> Answer:
    if asked.viewer.behaviour != NEWEST:
        return NO_SUCH_ROUTE  # only some editions of the server have them
    return json_answer({"payload": [policy_payload(policy) for policy in asked.account.sla_policies]})


OF_MEMBERS: tuple[tuple[str, Handler], ...] = (
    ("v1/teams/([^/]+)/team_members", _team_members),
    ("v1/inbox_members/([^/]+)", _inbox_members),
    ("v1/agent_bots", _agent_bots),
    ("v1/campaigns", _campaigns),
    ("v1/sla_policies", _sla_policies),
)
