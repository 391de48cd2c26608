"""The shop's customers: who writes next, over which channel, in which language."""

from random import Random

from etl.demo.account import Account, Contact, Json
from etl.demo.shop import API, EMAIL, TELEGRAM, WEBSITE, WHATSAPP
from etl.demo.words import LANGUAGES, Language

_INBOXES, _INBOX_SHARES = (WEBSITE, EMAIL, WHATSAPP, API, TELEGRAM), (30, 18, 35, 7, 10)
_LANGUAGE_SHARES = (45, 22, 12, 13, 8)
_RETURNING = 0.4
# As many numbers as +97250000xxxx holds; after them come +1555xxxxxxx.
_ISRAELI_NUMBERS = 10_000


class Visitors:
    """Choose the customer of each next conversation: a new one, or one who comes back, mostly a recent one."""

    def __init__(self, dice: Random, account: Account) -> None:
        self._dice, self._account = dice, account
        self._habits: dict[int, tuple[Language, int]] = {}

    def next(self, at: int) -> Contact:
        """Return who writes at this time, epoch seconds."""
        known = len(self._account.contacts)
        if known and self._chance(_RETURNING):
            lot = self._dice.random()
            contact = self._account.contacts[known - int(known * lot * lot)]
            if contact.created_at <= at:
                return contact
        return self._new(at)

    def language_of(self, contact: Contact) -> Language:
        """Return the language that the customer writes in."""
        return self._habits[contact.id][0]

    def inbox_of(self, contact: Contact) -> int:
        """Return the inbox that the customer writes to."""
        return self._habits[contact.id][1]

    def _new(self, at: int) -> Contact:
        dice, number = self._dice, len(self._account.contacts) + 1
        language = dice.choices(LANGUAGES, _LANGUAGE_SHARES)[0]
        inbox_id = dice.choices(_INBOXES, _INBOX_SHARES)[0]
        first, latin = dice.choice(language.people)
        surname = dice.choice(language.general["surnames"])
        contact = Contact(number, f"{first} {surname}" if self._chance(0.88) else first, at - dice.randrange(120))
        self._reach(contact, inbox_id, f"{latin}{number}")
        if self._chance(0.35):
            city = dice.choice(language.general["cities"])
            contact.additional_attributes |= {"city": city, "country": "Israel", "country_code": "IL"}
        contact.custom_attributes = self._attributes()
        contact.blocked = self._chance(0.005)
        self._account.contacts[number] = contact
        self._habits[number] = language, inbox_id
        return contact

    def _reach(self, contact: Contact, inbox_id: int, latin: str) -> None:
        """Set the addresses of a contact that are known of customers of this channel."""
        if inbox_id == EMAIL or self._chance(0.5 if inbox_id == WEBSITE else 0.2):
            contact.email = f"{latin}@example.com"
        if inbox_id == WHATSAPP or (inbox_id == API and self._chance(0.4)):
            contact.phone_number = _phone(contact.id)
        if inbox_id == API:
            contact.identifier = f"app-{contact.id:06d}"
        if inbox_id == TELEGRAM:
            contact.additional_attributes = {"username": latin, "language_code": "he"}

    def _chance(self, share: float) -> bool:
        return self._dice.random() < share

    def _attributes(self) -> Json:
        dice = self._dice
        if self._chance(0.7):
            return {}
        since = f"20{dice.randrange(18, 27)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        return {"plan": dice.choice(("free", "club", "club", "gold")), "member_since": since}


def _phone(number: int) -> str:
    return f"+97250000{number:04d}" if number < _ISRAELI_NUMBERS else f"+1555{number:07d}"
