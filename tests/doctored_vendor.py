"""An account with something in every field, and a vendor that names, drops or types its fields in another way."""

from collections.abc import Callable
from typing import Any

import orjson

from etl.demo.account import Account, Attachment
from etl.demo.events import reply
from etl.demo.server import Answer, Request, json_answer
from tests.scripted_account import LONG_AGO, account_of

Doctoring = Callable[[Any], None]


def desk(conversations: int = 12) -> Account:
    """An account of which two of three conversations have an owner, a team and a label, and one an attachment."""
    account = account_of(conversations)
    for at, conversation in enumerate(account.conversations.values()):
        if at % 3:
            conversation.assignee_id, conversation.team_id, conversation.labels = 1 + at % 2, 1, ["vip"]
            reply(account, conversation.id, "hello", LONG_AGO + at * 3_600 + 900, by=1 + at % 2)
            conversation.messages[0].attachments = [Attachment(100 + at, "image")]
    return account


class Doctored:
    """Changes every conversation, message or contact on its way out, as long as `change` is set."""

    def __init__(self, where: str, change: Doctoring) -> None:
        self.where, self.change, self.on = where, change, False

    def __call__(self, request: Request, answer: Answer) -> Answer:
        if not self.on or answer.status != 200 or "conversations" not in request.path:
            return answer
        value = orjson.loads(answer.body)
        for one in self._found(request.path, value):
            self.change(one)
        return json_answer(value)

    def _found(self, path: str, value: Any) -> list[Any]:
        if path.endswith("/messages"):
            return list(value["payload"]) if self.where == "message" else []
        if self.where == "message" or path.endswith(("/meta", "/search")):
            return []
        listed = value["data"]["payload"] if path.endswith("/conversations") else [value]
        return [one["meta"] for one in listed] if self.where == "meta" else listed


def renamed(old: str, new: str) -> Doctoring:
    def change(one: dict[str, Any]) -> None:
        if old in one:
            one[new] = one.pop(old)

    return change


def becoming(name: str, value: Callable[[Any], Any]) -> Doctoring:
    return lambda one: one.update({name: value(one[name])}) if one.get(name) is not None else None
