"""The contacts as the vendor shows them: a list of those that can be reached, in any order, and single ones."""

from operator import attrgetter
from typing import Any

from etl.demo.account import Contact
from etl.demo.asked import Asked, Handler
from etl.demo.dimensions import OLD, listed_contact
from etl.demo.finders import NotFoundError, cut_page, number, page_number
from etl.demo.server import Answer, json_answer

CONTACTS_A_PAGE = 15
# The keys that the server sorts by, in the order in which it does so, whatever the order in which they are asked for.
KEYS = ("email", "name", "phone_number", "last_activity_at", "created_at")
LATER_KEYS = {"created_at"}
# These put nulls last in both directions; the others first going down, as PostgreSQL does.
NULLS_LAST = {"name", "last_activity_at", "created_at"}


def _contacts(asked: Asked) -> Answer:
    account, behaviour = asked.account, asked.viewer.behaviour
    shown = [
        contact
        for contact in list(account.contacts.values())
        if contact.email or contact.phone_number or contact.identifier
    ]
    sort = asked.request.first("sort") or ""
    wanted = {name.removeprefix("-"): name.startswith("-") for name in sort.split(",")}
    known = [name for name in KEYS if name in wanted and not (behaviour == OLD and name in LATER_KEYS)]
    for name in reversed(known):
        shown = _sorted(shown, name, descending=wanted[name])

    def tie(contact: Contact) -> tuple[Any, ...]:
        # No order at all is one great tie.
        return tuple([getattr(contact, name) for name in known])

    page = cut_page(shown, tie, (page_number(asked.request, CONTACTS_A_PAGE), CONTACTS_A_PAGE), f"contacts {sort}")
    inboxes = _inboxes_of(asked, page)
    payload = [listed_contact(account, contact, inboxes[contact.id], behaviour) for contact in page]
    # A text where a page was asked for, the number 1 where not: the server repeats the parameter.
    return json_answer(
        {"meta": {"count": len(shown), "current_page": asked.request.first("page") or 1}, "payload": payload}
    )


def _sorted(contacts: list[Contact], name: str, *, descending: bool) -> list[Contact]:
    told = [contact for contact in contacts if getattr(contact, name) is not None]
    silent = [contact for contact in contacts if getattr(contact, name) is None]
    told.sort(key=attrgetter(name), reverse=descending)
    return silent + told if descending and name not in NULLS_LAST else told + silent


def _inboxes_of(asked: Asked, contacts: list[Contact]) -> dict[int, list[int] | None]:
    """Return in which inboxes contacts have conversations; None where that was not asked for."""
    if asked.request.first("include_contact_inboxes") == "false":
        return {contact.id: None for contact in contacts}
    inboxes: dict[int, list[int]] = {contact.id: [] for contact in contacts}
    for conversation in list(asked.account.conversations.values()):
        known = inboxes.get(conversation.contact_id)
        if known is not None and conversation.inbox_id not in known:
            known.append(conversation.inbox_id)
    return dict(inboxes)


def _contact(asked: Asked, key: str) -> Answer:
    contact = asked.account.contacts.get(number(key))
    if contact is None:
        raise NotFoundError
    inboxes = _inboxes_of(asked, [contact])
    payload = listed_contact(asked.account, contact, inboxes[contact.id], asked.viewer.behaviour)
    return json_answer({"payload": payload})


OF_CONTACTS: tuple[tuple[str, Handler], ...] = (("v1/contacts", _contacts), ("v1/contacts/([^/]+)", _contact))
