"""What each address of an account answers."""

import re

from etl.demo import contacts, members, reporting_events, reports
from etl.demo.account import Conversation, Json
from etl.demo.asked import FORBIDDEN, Asked, Handler
from etl.demo.dimensions import (
    OLD,
    agent_payload,
    csat_payload,
    inbox_payload,
    label_payload,
    team_payload,
)
from etl.demo.finders import (
    NotFoundError,
    ServerFaultError,
    cut_page,
    find_messages,
    number,
    of_assignee,
    order_of,
    page_number,
)
from etl.demo.payloads import conversation_payload, history_payload, updated_at, witness_payload
from etl.demo.server import Answer, json_answer

SURVEYS_A_PAGE = 25


def find_route(version: str, path: str) -> tuple[Handler, tuple[str, ...]] | None:
    """Find the handler of a path below the account of an API ("v1"), with the ids in the path; None: there is none."""
    for pattern, handler in _ROUTES:
        match = re.fullmatch(pattern, f"{version}/{path}")
        if match:
            return handler, match.groups()
    return None


def _page_of_conversations(asked: Asked) -> tuple[list[Conversation], dict[str, int]]:
    rows, counts = asked.lists.get(asked.account, asked.request, asked.viewer)
    rows = of_assignee(rows, asked.request, asked.viewer)
    within = asked.request.first("updated_within")
    if within and asked.viewer.behaviour != OLD:
        # Not paginated: everything in one answer, whatever the page.
        since = asked.clock() - number(within)
        found = [row for row in rows if updated_at(row, asked.viewer.behaviour) > since]
    else:
        page = page_number(asked.request, asked.page_size)
        key, _ = order_of(asked.request, asked.viewer.behaviour)
        query = sorted((name, value) for name, value in asked.request.query if name != "page")
        found = cut_page(rows, key, (page, asked.page_size), repr(query))
    # The server cannot draw a conversation whose contact is gone, and fails with the whole page.
    if any(row.contact_id not in asked.account.contacts for row in found):
        raise ServerFaultError
    return found, counts


def _list(asked: Asked) -> Answer:
    rows, counts = _page_of_conversations(asked)
    payload = [conversation_payload(asked.account, row, asked.viewer.behaviour) for row in rows]
    return json_answer({"data": {"meta": counts, "payload": payload}})


def _search(asked: Asked) -> Answer:
    rows, counts = _page_of_conversations(asked)
    meta = {name: value for name, value in counts.items() if name != "assigned_count"}
    payload = [witness_payload(asked.account, row, asked.viewer.behaviour) for row in rows]
    return json_answer({"meta": meta, "payload": payload})


def _counts(asked: Asked) -> Answer:
    _, counts = asked.lists.get(asked.account, asked.request, asked.viewer)
    return json_answer({"meta": counts})


def _detail(asked: Asked, key: str) -> Answer:
    conversation = _conversation(asked, key)
    if conversation.inbox_id in asked.viewer.hidden_inboxes:
        return FORBIDDEN
    return json_answer(conversation_payload(asked.account, conversation, asked.viewer.behaviour))


def _messages(asked: Asked, key: str) -> Answer:
    conversation = _conversation(asked, key)
    if conversation.inbox_id in asked.viewer.hidden_inboxes:
        return FORBIDDEN
    messages = find_messages(conversation.messages, asked.request, asked.viewer.behaviour)
    return json_answer(history_payload(asked.account, conversation, messages, asked.viewer.behaviour))


def _conversation(asked: Asked, key: str) -> Conversation:
    conversation = asked.account.conversations.get(number(key))
    if conversation is None:
        raise NotFoundError
    if conversation.contact_id not in asked.account.contacts:
        raise ServerFaultError
    return conversation


def _inboxes(asked: Asked) -> Answer:
    inboxes = asked.account.inboxes.values()
    visible = [inbox for inbox in inboxes if inbox.id not in asked.viewer.hidden_inboxes]
    return json_answer({"payload": [inbox_payload(inbox, asked.viewer.behaviour) for inbox in visible]})


def _agents(asked: Asked) -> Answer:
    agents = [agent for agent in asked.account.agents.values() if not agent.left]
    return json_answer([agent_payload(asked.account, agent, asked.viewer.behaviour) for agent in agents])


def _teams(asked: Asked) -> Answer:
    return json_answer([team_payload(asked.account, team) for team in asked.account.teams.values()])


def _labels(asked: Asked) -> Answer:
    return json_answer({"payload": [label_payload(label) for label in asked.account.labels]})


def _surveys(asked: Asked) -> Answer:
    if asked.viewer.is_agent:
        return FORBIDDEN
    newest_first = asked.request.first("sort") != "created_at"
    ordered = sorted(asked.account.csat_responses, key=lambda response: response.created_at, reverse=newest_first)
    start = (page_number(asked.request, SURVEYS_A_PAGE) - 1) * SURVEYS_A_PAGE
    page = ordered[start : start + SURVEYS_A_PAGE]
    payload: list[Json] = [csat_payload(asked.account, response, asked.viewer.behaviour) for response in page]
    return json_answer(payload)


def _custom_attributes(asked: Asked) -> Answer:
    if asked.viewer.is_agent:
        return FORBIDDEN
    return json_answer(asked.account.custom_attribute_definitions)


_ROUTES: tuple[tuple[str, Handler], ...] = (
    ("v1/conversations", _list),
    ("v1/conversations/meta", _counts),
    ("v1/conversations/search", _search),
    ("v1/conversations/([^/]+)", _detail),
    ("v1/conversations/([^/]+)/messages", _messages),
    *contacts.OF_CONTACTS,
    *members.OF_MEMBERS,
    *reports.OF_REPORTS,
    *reporting_events.OF_EVENTS,
    ("v1/inboxes", _inboxes),
    ("v1/agents", _agents),
    ("v1/teams", _teams),
    ("v1/labels", _labels),
    ("v1/csat_survey_responses", _surveys),
    ("v1/custom_attribute_definitions", _custom_attributes),
)
