"""Why the vendor refuses something, by its own words (the vendor's section 6): these are fixed, and nobody's data."""

import orjson

NO_RIGHT = "it takes an administrator's token"
WRONG_TOKEN = "the token is wrong"  # noqa: S105 -- a reason, no token
OTHER_ACCOUNT = "the token is not of this account"
SUSPENDED = "the account is suspended"
NO_TOKEN = "no token arrived: a proxy may drop its header"  # noqa: S105 -- a reason, no token
BOT = "it is a bot's token"

REASONS = {
    "You are not authorized to do this action": NO_RIGHT,
    "Invalid Access Token": WRONG_TOKEN,
    "You are not authorized to access this account": OTHER_ACCOUNT,
    "Account is suspended": SUSPENDED,
    "You need to sign in or sign up before continuing.": NO_TOKEN,
    "Access to this endpoint is not authorized for bots": BOT,
}


def reason_of(body: bytes) -> str:
    """Return why, in our words, as far as an answer is one of the vendor's own; nothing for anybody else's."""
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ""
    said = answer.get("error") or answer.get("errors") if isinstance(answer, dict) else None
    first = said[0] if isinstance(said, list) and said else said
    return REASONS.get(first, "") if isinstance(first, str) else ""
