"""What is stored of personal data: pure rules, the same for the rows of a payload and for rows that are stored.

A column that no rule names is kept. What is free-form is not searched for personal data, as no search finds all of it:
only what is listed here, and cannot hold any, is kept of it. `docs/privacy.md` tells the same in words.
"""

import hmac
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from etl.settings.settings import Settings

Row = dict[str, Any]
Mode = Literal["keep", "hash", "drop"]
Rule = Callable[[Any, "Way"], Any]
# Keys that may be kept of an object: None for a value, another such mapping for an object.
Allowed = dict[str, "Allowed | None"]

# Lengths in hex digits; the key of digests has to be shorter than the fingerprint, as it is part of a salt.
FINGERPRINT, DIGEST_KEY = 32, 16


@dataclass(frozen=True)
class Way:
    """How personal data are stored.

    key: of the hashes. digest_key: of the digests of payloads, so that no reader of the tables can try out values.
    """

    mode: Mode
    key: bytes = field(default=b"", repr=False)
    digest_key: str = field(default="", repr=False)

    @property
    def fingerprint(self) -> str | None:
        """Return what tells one key from another, and nothing else of it; None where nothing is hashed."""
        return _derived(self.key, "fingerprint", FINGERPRINT) if self.mode == "hash" else None


KEEP, DROP = Way("keep"), Way("drop")


def way_of(settings: Settings) -> Way:
    """Return how the settings want personal data to be stored."""
    if settings.pii == "hash" and settings.pii_key is not None:
        key = settings.pii_key.get_secret_value().encode()
        return Way("hash", key, _derived(key, "digest", DIGEST_KEY))
    if settings.pii == "drop":
        token = settings.api_token.get_secret_value().encode()
        return Way("drop", digest_key=_derived(token, "digest", DIGEST_KEY))
    return KEEP


def _derived(key: bytes, purpose: str, digits: int) -> str:
    return hmac.digest(key, f"etl {purpose}".encode(), "sha256").hex()[:digits]


def identity(value: str | None, way: Way) -> str | None:
    """Hash what names a person, as it is: the same text gives the same hash. An empty text stays empty."""
    if way.mode == "drop" or value is None:
        return None
    return hmac.digest(way.key, value.encode(), "sha256").hex() if value else value


def gone(_value: Any, _way: Way) -> None:
    """Keep nothing: what somebody wrote, or what nobody knows."""


def keyed(value: Any, way: "Way") -> Any:
    """Keep a digest that was made with a key; of one who is forgotten, nothing."""
    return value if way.digest_key else None


def only(allowed: Allowed) -> Rule:
    """Keep of an object what is listed, as far as it is a word, a number, true, false or null."""
    return lambda value, _: _reduced(value, allowed) if isinstance(value, dict) else None


def each(rule: Rule) -> Rule:
    """Apply a rule to each item of an array."""
    return lambda value, way: [rule(item, way) for item in value] if isinstance(value, list) else None


def _reduced(value: Row, allowed: Allowed) -> Row:
    kept: Row = {}
    for name in value.keys() & allowed.keys():
        item, inner = value[name], allowed[name]
        if inner is None:
            if item is None or isinstance(item, bool | int | float) or (isinstance(item, str) and _is_word(item)):
                kept[name] = item
        elif isinstance(item, dict):
            kept[name] = _reduced(item, inner)
    return kept


WORD = re.compile(r"[\w .:+/-]{0,40}")
LIKE_A_PHONE, BETWEEN_DIGITS = re.compile(r"\d{7}"), re.compile(r"[ +/-]")


def _is_word(value: str) -> bool:
    return WORD.fullmatch(value) is not None and LIKE_A_PHONE.search(BETWEEN_DIGITS.sub("", value)) is None


ATTRIBUTE_NAME = re.compile(r"[^\W\d][\w-]{0,99}")
NAMES_A_PERSON = re.compile(
    r"mail|phone|mobile|name|ident|address|birth|passport|(?:^|[_-])(?:id|no|nr|number|tel|cell|fax|dob|ssn|zip|user)(?:$|[_-])",
    re.IGNORECASE,
)
DATE = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)?)?")
MOST_DIGITS = 6


def attributes(value: Any, way: Way) -> Row | None:
    """Keep of custom attributes true, false, dates and numbers of at most six digits; hash or drop all else.

    Dates and numbers only where the attribute's name does not say that they tell who somebody is.
    """
    if not isinstance(value, dict):
        return None
    kept: Row = {}
    for name, attribute in value.items():
        if not ATTRIBUTE_NAME.fullmatch(name):
            continue
        if _tells_no_person(attribute, NAMES_A_PERSON.search(name) is not None):
            kept[name] = attribute
        elif way.mode == "hash":
            kept[name] = identity(attribute if isinstance(attribute, str) else _canonical(attribute), way)
    return kept


def _tells_no_person(value: Any, named_so: bool) -> bool:
    if value is None or value == "" or isinstance(value, bool):
        return True
    if isinstance(value, int | float):
        return not named_so and sum(character.isdigit() for character in _canonical(value)) <= MOST_DIGITS
    return isinstance(value, str) and not named_so and DATE.fullmatch(value) is not None


def _canonical(value: Any) -> str:
    """Write JSON as PostgreSQL would give it back: 1e16 is stored as a whole number, and keys in another order."""
    return json.dumps(json.loads(json.dumps(value), parse_float=_plain), sort_keys=True)


def _plain(digits: str) -> float | int:
    value = float(digits)
    return int(value) if value.is_integer() else value


def _leaves(*names: str) -> Allowed:
    return dict.fromkeys(names)


SLA = _leaves(
    *("id", "sla_id", "sla_name", "sla_status", "created_at", "updated_at", "sla_first_response_time_threshold"),
    *("sla_next_response_time_threshold", "sla_resolution_time_threshold", "sla_only_during_business_hours"),
)
CSAT: Allowed = {"csat_survey_response": _leaves("rating")}

# Column by column of each table what is stored of it; a column that is not named is kept as it is.
RULES: dict[str, dict[str, Rule]] = {
    "contacts": {
        **dict.fromkeys(("name", "email", "phone_number", "identifier", "thumbnail"), identity),
        "additional_attributes": only(_leaves("country", "country_code")),
        "custom_attributes": attributes,
        "digests": keyed,
        "extra": gone,
    },
    "conversations": {
        "additional_attributes": only(
            {
                "browser": _leaves(
                    "browser_name", "browser_version", "device_name", "platform_name", "platform_version"
                ),
                **_leaves("browser_language", "conversation_language", "source", "type"),
            }
        ),
        "custom_attributes": attributes,
        "digests": keyed,
        "attachments": gone,
        "applied_sla": only(SLA),
        "sla_events": each(only(_leaves("id", "event_type", "created_at", "updated_at"))),
        "extra": gone,
    },
    "messages": {
        "content": gone,
        "content_digest": keyed,
        "source_id": identity,  # WhatsApp's own key of a message spells the phone number
        "content_attributes": only(
            {
                **_leaves("deleted", "in_reply_to", "automation_rule_id", "external_echo", "is_reaction"),
                **_leaves("is_unsupported", "type"),
                **CSAT,
                "submitted_values": CSAT,
                "data": _leaves("status", "duration"),
            }
        ),
        "additional_attributes": only(
            {"template_params": _leaves("name", "category", "language"), **_leaves("campaign_id")}
        ),
        "external_source_ids": only({}),
        "extra": gone,
    },
    "attachments": {
        **dict.fromkeys(("data_url", "thumb_url", "fallback_title", "transcribed_text"), gone),
        **dict.fromkeys(("coordinates_lat", "coordinates_long"), gone),
        "meta": only(_leaves("is_recorded_audio")),
        "extra": gone,
    },
    "csat_responses": {**dict.fromkeys(("feedback_message", "csat_review_notes"), gone), "extra": gone},
    "bots": {**dict.fromkeys(("name", "description", "thumbnail", "avatar_url"), identity), "extra": gone},
    "agents": {"extra": gone},
    "inboxes": {"extra": gone},
    "teams": {"extra": gone},
    "labels": {"extra": gone},
    "custom_attribute_definitions": {"extra": gone},
    "sla_policies": {"extra": gone},
    "campaigns": {
        "message": gone,
        "audience": each(only(_leaves("id", "type"))),
        "trigger_rules": only(_leaves("time_on_page")),
        "extra": gone,
    },
    "reporting_events": {"extra": gone},
}
# A sender of another type may be a person.
BOTS = {"agent_bot", "captain_assistant"}


def protect_row(table: str, row: Row, way: Way) -> None:
    """Replace the values of a row, in place, by what is stored of them; a key that is absent stays absent."""
    if way.mode == "keep":
        return
    for column, rule in RULES.get(table, {}).items():
        if column in row and (table != "bots" or rule is gone or row["type"] not in BOTS):
            value = row[column]
            row[column] = None if value is None else rule(value, way)
