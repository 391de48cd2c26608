"""Any field of any payload may hold anything: the run ends, and each record is in its table or among the rejected."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from etl.demo import events
from etl.demo.account import Account, Attachment, Conversation
from etl.demo.server import Answer, Request, serve
from etl.demo.vendor import Vendor
from etl.load.journal import Run
from tests.examples import examples
from tests.scripted_account import LONG_AGO, Job, account_of

TABLES = (
    "accounts", "inboxes", "teams", "agents", "bots", "contacts", "labels", "conversations", "conversation_labels",
    "conversation_states", "messages", "attachments", "sync_runs", "account_counts", "rejected_records",
    "conversation_ledger",
)  # fmt: skip

ODD_TEXTS = st.one_of(
    st.sampled_from(
        ["", "0", "-1", "7", "2024-01-01", "2024-13-45T99:99:99Z", "9999-12-31T23:59:59+14:00", "NaN", "\\N"]
    ),
    st.text(st.characters(codec=None), max_size=8),
    st.sampled_from(["a\x00b", "\ud83d", "\x1b[31m", "'; --", "\u202e", "9" * 30]),
)
NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from(
        [2**31, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**15, 10**30, 1.5, -0.0, 1e300, -62135596801]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, ODD_TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(ODD_TEXTS, inner, max_size=3)),
    max_leaves=6,
)
ABSENT = "absent"
CHANGES = st.one_of(st.just(ABSENT), st.builds(lambda value: (value,), VALUES))


def an_account() -> Account:
    account = account_of(5, messages=2)
    account.conversations[2].labels = ("vip",)
    account.conversations[2].assignee_id, account.conversations[2].team_id = 2, 1
    account.conversations[2].custom_attributes = {"a": {"b": 1}}
    events.reply(account, 2, "an answer", LONG_AGO + 9_000, by=2)
    file = Attachment(1, "image", data_url="https://example.com/1", file_size=7, width=3, height=4)
    events.add_message(account, 2, "a file", LONG_AGO + 9_060, attachments=[file])
    return account


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every field and element of a payload."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, one in children:
        yield (*at, name)
        yield from paths(one, (*at, name))


def put(value: Any, path: tuple[Any, ...], change: Any) -> Any:
    """Return a copy of a payload with something else at the end of a path; as it is where there is no such path."""
    changed = deepcopy(value)
    at = changed
    try:
        for name in path[:-1]:
            at = at[name]
        _ = at[path[-1]]
    except (KeyError, IndexError, TypeError):
        return value
    if change == ABSENT:
        del at[path[-1]]
    else:
        at[path[-1]] = change[0]
    return changed


class Server:
    """Serves an account with one field of conversation 2, or of one of its messages, changed everywhere."""

    def __init__(self) -> None:
        self.vendor = Vendor(an_account())
        self.where, self.path, self.change = "list", (), ABSENT

    def __call__(self, request: Request) -> Answer:
        answer = self.vendor(request)
        last = request.path.rpartition("/")[2]
        if answer.status != 200 or not self.path:
            return answer
        value = orjson.loads(answer.body)
        if self.where == "list" and last == "conversations":
            payloads = value["data"]["payload"]
            payloads[:] = [put(one, self.path, self.change) if one["id"] == 2 else one for one in payloads]
        elif self.where == "list" and request.path.endswith("/conversations/2"):
            value = put(value, self.path, self.change)
        elif self.where == "messages" and request.path.endswith("/conversations/2/messages"):
            value["payload"] = put(value["payload"], self.path, self.change)
        return Answer(body=json.dumps(value).encode())


def shapes() -> dict[str, list[tuple[Any, ...]]]:
    """Return the ways to every field that the fuzz may change."""
    vendor = Vendor(an_account())
    token = {"api-access-token": vendor.token}
    listed = orjson.loads(vendor(Request("/api/v1/accounts/1/conversations/2", [], token)).body)
    history = orjson.loads(vendor(Request("/api/v1/accounts/1/conversations/2/messages", [], token)).body)
    return {"list": list(paths(listed)), "messages": list(paths(history["payload"]))}


SHAPES = shapes()
MUTATIONS = st.sampled_from(["list", "messages"]).flatmap(
    lambda where: st.tuples(st.just(where), st.sampled_from(SHAPES[where]), CHANGES)
)


def assert_adds_up(job: Job, run: Run) -> None:
    assert run.outcome in {"complete", "incomplete"}, run.problems
    for counts in run.tally.counts.values():
        assert counts["seen"] == counts["inserted"] + counts["updated"] + counts["unchanged"]
    assert run.ledger
    assert run.ledger["highest_id"] == sum(run.ledger.values()) - run.ledger["highest_id"]
    assert job.rows("SELECT outcome FROM sync_runs WHERE run_id = :one", one=run.run_id) == [(run.outcome,)]


def assert_nothing_is_lost(job: Job, changed: Conversation) -> None:
    assert job.rows("SELECT id FROM conversations WHERE id IN (1, 3, 4, 5) ORDER BY 1") == [(1,), (3,), (4,), (5,)]
    assert job.rows("SELECT count(*) FROM messages WHERE conversation_id IN (1, 3, 4, 5)") == [(8,)]
    if not job.rows("SELECT id FROM conversations WHERE id = 2"):
        # Its messages are in the record that was rejected, and its history was not asked for.
        assert rejected(job, "conversation")
        return
    messages = {one for (one,) in job.rows("SELECT id FROM messages WHERE conversation_id = 2")}
    assert messages == {one.id for one in changed.messages} or rejected(job, "message")
    assert (
        job.rows("SELECT id FROM attachments WHERE id = 1") or rejected(job, "attachment") or rejected(job, "message")
    )


def assert_all_is_mended(job: Job) -> None:
    """Once sent well, a record leaves the rejected ones; of what had no number of its own, that cannot be told."""
    waiting = job.rows("SELECT entity, entity_id FROM rejected_records WHERE resolved_at IS NULL")
    assert [(entity, number) for entity, number in waiting if entity != "label" and _is_whole(number)] == []


def rejected(job: Job, entity: str) -> int:
    ((count,),) = job.rows("SELECT count(*) FROM rejected_records WHERE entity = :entity", entity=entity)
    return int(count)


def is_another(mutation: tuple[str, tuple[Any, ...], Any]) -> bool:
    """Return whether a change makes other records of those that are there: a number of its own, or one less of them."""
    _, path, change = mutation
    if isinstance(path[-1], int):
        return change == ABSENT or change[0] is None
    if path[-1] == "attachments":
        return change == ABSENT or change[0] in (None, [])
    return path[-1] == "id" and change != ABSENT and not isinstance(change[0], bool) and _is_whole(change[0])


def _is_whole(value: Any) -> bool:
    try:
        return isinstance(value, int | str) and -(2**63) <= int(value) < 2**63
    except ValueError:
        return False


def test_whatever_a_field_holds_no_record_is_lost(engine: Engine) -> None:
    server = Server()
    with serve(server) as url:
        etl = Job(server.vendor, url, engine)

        @settings(
            max_examples=examples(3, 200),
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
        )
        @given(MUTATIONS)
        def fuzz(mutation: tuple[str, tuple[Any, ...], Any]) -> None:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"TRUNCATE {', '.join(f'helpdesk.{one}' for one in TABLES)} CASCADE")
            server.where, server.path, server.change = mutation
            run = etl.run(timeout_seconds=10)
            assert_adds_up(etl, run)
            if not is_another(mutation):
                assert_nothing_is_lost(etl, server.vendor.account.conversations[2])
            server.path = ()
            run = etl.run(timeout_seconds=10)
            assert_adds_up(etl, run)
            if not is_another(mutation):
                assert (run.outcome, run.problems) == ("complete", [])
                assert_all_is_mended(etl)

        fuzz()
