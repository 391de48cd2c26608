# ruff: noqa: RUF001 -- Hebrew letters look like Latin ones because they are what they are
"""The shop of the demo: its inboxes, agents, teams and labels, everything that is there before a customer writes."""

from datetime import datetime
from typing import Any

from etl.demo.account import Account, Agent, Bot, Inbox, Json, Label, Team
from etl.demo.promises import Campaign, SlaPolicy

WEBSITE, EMAIL, WHATSAPP, API, TELEGRAM = range(1, 6)

_INBOXES: tuple[tuple[str, str, Json], ...] = (
    (
        "Demo Store Website",
        "Channel::WebWidget",
        {
            "website_url": "https://shop.example.com",
            "widget_color": "#1f93ff",
            "website_token": "demo-website-token",
            "hmac_token": "demo-hmac-token",
            "hmac_mandatory": False,
            "reply_time": "in_a_few_minutes",
            "selected_feature_flags": ["attachments", "emoji_picker", "end_conversation"],
            "pre_chat_form_enabled": False,
            "pre_chat_form_options": {},
            "continuity_via_email": True,
        },
    ),
    (
        "service@shop.example.com",
        "Channel::Email",
        {
            "email": "service@shop.example.com",
            "forward_to_email": "demo@in.example.com",
            "imap_enabled": True,
            "imap_login": "service@shop.example.com",
            "imap_password": "demo-imap-password",
            "imap_address": "imap.example.com",
            "imap_port": 993,
            "imap_enable_ssl": True,
            "smtp_enabled": False,
        },
    ),
    (
        "WhatsApp שירות לקוחות",
        "Channel::Whatsapp",
        {
            "phone_number": "+15550100000",
            "provider": "whatsapp_cloud",
            "provider_config": {"api_key": "demo-api-key", "phone_number_id": "1"},
            "message_templates": [],
            "reauthorization_required": False,
        },
    ),
    (
        "Mobile app",
        "Channel::Api",
        {
            "webhook_url": "https://hooks.example.com/demo",
            "inbox_identifier": "demo-inbox-identifier",
            "hmac_token": "demo-api-hmac-token",
            "hmac_mandatory": False,
            "additional_attributes": {},
        },
    ),
    ("Telegram", "Channel::Telegram", {"bot_name": "demo_store_bot"}),
)
_AGENTS = (
    ("Daniel Cohen", "daniel", "online"),
    ("נועה לוי", "noa", "online"),
    ("יוסי מזרחי", "yossi", "busy"),
    ("أحمد منصور", "ahmad", "offline"),
    ("Ольга Левина", "olga", "online"),
    ("Camille Dubois", "camille", "offline"),
    ("שירה פרץ", "shira", "offline"),
    ("Maya Bar-Lev", "maya", "online"),
    # The last one has left the shop.
    ("Tom Gold", "tom", "offline"),
)
_TEAMS = (("מכירות", "Questions before the order"), ("משלוחים", "Deliveries and installations"), ("Billing", None))
_LABELS = ("delivery", "refund", "billing", "vip", "דחוף", "החזרה", "התקנה", "new-customer")
_COLORS = ("#1f93ff", "#e5484d", "#30a46c", "#f5a623")
_FRIDAY, _SATURDAY = 5, 6
_CUSTOM_ATTRIBUTES: tuple[tuple[Any, ...], ...] = (
    ("Order", "text", "order_id", "conversation_attribute", []),
    ("Amount", "number", "amount", "conversation_attribute", []),
    ("Plan", "list", "plan", "contact_attribute", ["free", "club", "gold"]),
    ("Member since", "date", "member_since", "contact_attribute", []),
)


def furnish(opened: str) -> Account:
    """Make the account without customers; `opened` is the ISO time of its opening."""
    account = Account(1, "Demo Store", bots={1: Bot(1, "Robo דמו", "Answers at night")})
    for number, (name, channel_type, channel) in enumerate(_INBOXES, 1):
        account.inboxes[number] = _inbox(number, name, channel_type, channel)
    for number, (name, latin, availability) in enumerate(_AGENTS, 1):
        role = "administrator" if number == 1 else "agent"
        account.agents[number] = Agent(number, name, f"{latin}@shop.example.com", role, availability)
    account.agents[3].available_name = "יוסי"
    account.agents[5].custom_attributes = {"shift": "night"}
    account.agents[len(_AGENTS)].left = True
    for number, (name, description) in enumerate(_TEAMS, 1):
        account.teams[number] = Team(number, name, description, _every(len(_TEAMS), number))
    for number, title in enumerate(_LABELS, 1):
        account.labels.append(Label(number, title, f"Label {title}", _COLORS[number % len(_COLORS)], number != 1))
    account.custom_attribute_definitions = [
        _definition(number, columns, opened) for number, columns in enumerate(_CUSTOM_ATTRIBUTES, 1)
    ]
    account.campaigns = _campaigns(opened)
    account.sla_policies = [SlaPolicy(1, "VIP", "First answer in an hour", 3_600.0, None, 86_400.0, True)]
    return account


def _campaigns(opened: str) -> list[Campaign]:
    begun = int(datetime.fromisoformat(opened).timestamp())
    on_website = {"url": "https://shop.example.com/checkout", "time_on_page": 20}
    return [
        Campaign(1, "Checkout", "Can we help with your order?", WEBSITE, begun, 2, trigger_rules=on_website),
        Campaign(
            *(2, "Spring sale", "מבצע אביב: 10% off", WHATSAPP, begun),
            campaign_type="one_off",
            campaign_status="completed",
            scheduled_at=begun + 86_400,
            audience=[{"id": 4, "type": "Label"}],
        ),
    ]


def _every(step: int, number: int) -> list[int]:
    """Return the agents who are members: every so manieth, and the administrator."""
    return sorted({1, *range(1 + number % step, len(_AGENTS), step)})


def _inbox(number: int, name: str, channel_type: str, channel: Json) -> Inbox:
    return Inbox(
        number,
        name,
        channel_type,
        channel,
        timezone="Asia/Jerusalem",
        working_hours_enabled=number != API,
        working_hours=[_hours(day) for day in range(7)],
        greeting_message="שלום! Thanks for contacting Demo Store." if number == WEBSITE else None,
        out_of_office_message="We are back on Sunday at 08:00." if number != API else None,
        csat_survey_enabled=number in (WEBSITE, WHATSAPP),
        members=_every(2, number),
    )


def _hours(day: int) -> Json:
    # Sunday (0) to Thursday all day, Friday until one o'clock, Saturday closed.
    return {
        "day_of_week": day,
        "closed_all_day": day == _SATURDAY,
        "open_hour": 8,
        "open_minutes": 0,
        "close_hour": 13 if day == _FRIDAY else 18,
        "close_minutes": 0,
        "open_all_day": False,
    }


def _definition(number: int, columns: tuple[Any, ...], opened: str) -> Json:
    name, kind, key, model, values = columns
    return {
        "id": number,
        "attribute_display_name": name,
        "attribute_display_type": kind,
        "attribute_description": name,
        "attribute_key": key,
        "regex_pattern": None,
        "attribute_values": values,
        "attribute_model": model,
        "default_value": None,
        "created_at": opened,
        "updated_at": opened,
    }
