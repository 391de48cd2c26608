"""Serves accounts of the pieces that were recorded from Chatwoot 2.15.0 and 4.15.1: whole answers where there are any.

The recorder left keys out of some records, and whole answers where it needed their ids only. What is filled in there is
in `A_CONVERSATION` and `A_MESSAGE`, so that the test and the server mean the same. Not in tests/payloads:
the vendor's reports, for which the job does not ask.
"""

import json
import re
from datetime import datetime
from typing import Any

from sqlalchemy import Engine

from etl.demo.server import Answer, Request, json_answer, text_answer
from etl.load.journal import Run
from etl.run import sync
from etl.selection import Selection
from etl.settings.settings import Settings
from tests.recorded_vendor import recording

Json = dict[str, Any]

ACCOUNT = "/api/v1/accounts/2/"
HISTORY = re.compile(r"conversations/(\d+)/messages")
FIELDS_OF_THE_WITNESS = ("content", "id", "message_type", "created_at")
# As the server says them, where the recorder left them out.
A_CONVERSATION: Json = {"status": "resolved", "created_at": 1787189895, "labels": [], "inbox_id": 2}
A_MESSAGE: Json = {
    "content": None,
    "private": False,
    "status": "sent",
    "source_id": None,
    "content_type": "text",
    "content_attributes": {},
}
# What /messages has of a message that the list shows.
OF_A_HISTORY = (*A_MESSAGE, "id", "inbox_id", "conversation_id", "message_type", "created_at", "sender", "attachments")


def said(value: Any) -> Answer:
    """Make an answer; some hold numbers beyond 64 bits."""
    return Answer(body=json.dumps(value).encode())


class Parts:
    """An account of recorded pieces; an App for `serve`.

    conversations: id -> what the list and `/conversations/{id}` say. histories: id -> its messages, oldest first.
    lists: name -> answer. refused: path -> answer.
    """

    def __init__(self, version: str) -> None:
        said: Any = recording(f"{version}-exchanges")
        self.version, self.said = version, said
        self.conversations: dict[int, Json] = {}
        self.histories: dict[int, list[Json]] = {}
        self.lists: dict[str, Any] = {}
        self.refused: dict[str, Answer] = {}
        self.requests: list[Request] = []
        self.no_such_route = text_answer("")
        for exchange in said["lists"]:
            request, response = exchange["request"], exchange["response"]
            if response["status"] == 404:
                self.no_such_route = Answer(404, response["text"].encode(), response["content_type"])
            else:
                self.lists[request["path"].removeprefix(ACCOUNT)] = response["json"]
        # One page of it was recorded: here the account has no others.
        self.lists["contacts"]["meta"]["count"] = len(self.lists["contacts"]["payload"])

    def of(self, name: str) -> dict[str, Any]:
        """Return request -> body of the exchanges in a file of the recordings."""
        return {one["request"].removeprefix(f"GET {ACCOUNT}"): one.get("body") for one in self.said[name]["exchanges"]}

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        path = request.path.removeprefix(ACCOUNT)
        if path in self.refused:
            return self.refused[path]
        if path.startswith("conversations"):
            return self._of_conversations(path, request)
        if path in self.lists:
            return said(self.lists[path] if request.first("page") in {None, "1"} else [])
        return self.no_such_route

    def _of_conversations(self, path: str, request: Request) -> Answer:
        page = int(request.first("page") or 1)
        if path == "conversations":
            found = [one for one in self.conversations.values() if one["status"] == request.first("status")]
            return said({"data": {"meta": {"all_count": len(found)}, "payload": found if page == 1 else []}})
        if path == "conversations/search":
            return said({"payload": [self.witnessed(one) for one in self.conversations] if page == 1 else []})
        if history := HISTORY.fullmatch(path):
            return said({"meta": {}, "payload": self._window(int(history[1]), request)})
        found = [one for one in self.conversations.values() if path == f"conversations/{one['id']}"]
        return said(found[0]) if found else json_answer({"error": "Resource could not be found"}, 404)

    def witnessed(self, number: int) -> Json:
        messages = [
            {name: one[name] for name in FIELDS_OF_THE_WITNESS}
            | ({"sender_name": one["sender"]["name"]} if one.get("sender") else {})
            for one in self.histories[number]
        ]
        return {"id": number, "messages": messages}

    def _window(self, number: int, request: Request) -> list[Json]:
        """Answer as this version does (the vendor's section 3)."""
        messages, after, before = self.histories[number], request.first("after"), request.first("before")
        if self.version == "4.15.1" and after is not None and before is not None:
            return [one for one in messages if int(after) <= one["id"] < int(before)][:1_000]
        if self.version == "2.15.0" and after is not None:
            return [one for one in messages if one["id"] >= int(before or 0)][:20]
        return [one for one in messages if before is None or one["id"] < int(before)][-20:]


def in_time_order(messages: list[Json]) -> list[Json]:
    return sorted(messages, key=lambda one: (one["created_at"], one["id"]))


def filled(number: int, messages: list[Json]) -> list[Json]:
    """Return messages of a conversation with what the recorder left out of them."""
    return [A_MESSAGE | {"conversation_id": number, "inbox_id": 2} | one for one in messages]


def members(parts: Parts) -> list[Json]:
    """Return the agents whom the recorded members of a team and of an inbox are, as `/agents` has them."""
    listed = [*parts.lists["teams/1/team_members"], *parts.lists["inbox_members/1"]["payload"]]
    return list({one["id"]: one for one in listed}.values())


def recorded_2_15() -> Parts:
    """Return three conversations of 2.15.0: one after a merge of contacts, one with a note, one that was imported."""
    parts = Parts("2.15.0")
    detail, history = parts.of("after_a_contact_merge").values()
    parts.conversations[70] = A_CONVERSATION | {"inbox_id": 5} | detail
    shown = {one["id"]: {name: one[name] for name in one if name in OF_A_HISTORY} for one in detail["messages"]}
    parts.histories[70] = [one | {"inbox_id": 5} | shown.get(one["id"], {}) for one in filled(70, history["payload"])]
    detail, history = parts.of("private_note_is_first_response").values()
    parts.conversations[25] = A_CONVERSATION | detail
    parts.histories[25] = filled(25, history["payload"])
    import_: Any = recording("2.15.0-shuffled-import")
    messages = [
        {"id": number, "message_type": 0, "created_at": int(datetime.fromisoformat(f"{at}+00:00").timestamp())}
        for number, at in import_["server_database"]["messages"]
    ]
    parts.conversations[648] = A_CONVERSATION | {"id": 648}
    parts.histories[648] = in_time_order(filled(648, messages))
    parts.lists["agents"] = members(parts)
    return parts


def recorded_4_15() -> Parts:
    """Return three conversations of 4.15.1: a bot's, one with an old deletion, one whose survey's answer was lost."""
    parts = Parts("4.15.1")
    owned, agents = (one["response"]["json"] for one in recording("4.15.1-bot_as_assignee"))
    parts.conversations[70] = owned
    parts.histories[70] = [{name: one[name] for name in one if name in OF_A_HISTORY} for one in owned["messages"]]
    detail, window, _ = parts.of("old_message_deleted").values()
    parts.conversations[653] = A_CONVERSATION | {name: detail[name] for name in ("id", "updated_at", "timestamp")}
    shown = {"id": detail["shown"][0], "message_type": 2, "created_at": detail["timestamp"]}
    parts.histories[653] = [*window["payload"], *filled(653, [shown])]
    (window, _) = parts.of("csat_answer_lost_by_a_merge").values()
    parts.conversations[13] = A_CONVERSATION | {"id": 13}
    parts.histories[13] = window["payload"]
    parts.lists["agents"] = [*agents, *members(parts)]
    return parts


class Night:
    """The job against these pieces, in this process; `run` is one run."""

    def __init__(self, parts: Parts, url: str, engine: Engine) -> None:
        self.parts, self.url, self.engine = parts, url, engine

    def run(self, selection: Selection | None = None) -> Run:
        """Run it, with all histories at the mercy of their marks."""
        self.parts.requests.clear()
        values: Json = {"account_id": 2, "base_url": self.url, "api_token": "made-up", "retry_attempts": 1}
        settings = Settings(**values, reread_days=0, patrol_percent=0)
        return sync.run(settings, self.engine, selection or Selection(), sync.Hooks())
