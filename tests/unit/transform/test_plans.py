"""What is made by plan is what `to_row` makes of it, whatever is sent: rows, what is told of them, and refusals."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etl.errors import BadValue
from etl.transform import entities, plans, rows
from etl.transform.batch import Batch
from etl.transform.fields import Converted, Entity, printable, to_row
from etl.transform.observed import ARRAYS, EMPTY, KINDS, Observed
from etl.transform.plans import Plan
from etl.transform.values import SECRETS
from tests.examples import examples

Strategy = st.SearchStrategy[Any]

ENTITIES = (*entities.ENTITIES, entities.LISTED_MESSAGE, entities.LISTED_CONTACT, entities.WITNESSED_MESSAGE)

NUMBERS = st.sampled_from([0, 1, -1, 2**31, 2**63 - 1, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**400, 1.0, 1.5, 1e300])
TEXTS = st.sampled_from(
    [
        *("", "x", "open", "7", "-7", "7.5", "9" * 30, "User", "AgentBot", "x" * 600),
        *("a\x00b", "\ud800", "\\u0000", '{"a":1}', '["\\u0000"]', "{"),
        *("2026-01-02T03:04:05.678Z", "2026-01-02 03:04:05 UTC", "Fri, 02 Jan 2026 03:04:05 GMT", "2026-13-01"),
    ]
)
SCALARS = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.floats(allow_nan=False, allow_infinity=False))
NAMES = st.sampled_from(["a", "id", "secret", "access_token", "a\x00", "\udfff", "\x1b[1m"])
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3), max_leaves=5
)
# What most records have: of these plans are made.
USUAL = st.sampled_from(
    [1, 0, 7, "x", True, None, {}, [], 1767268800, "2026-01-02T03:04:05.678Z", ["x"], {"a": [{"secret": "x", "b": 1}]}]
)
# What is odd in one field alone.
SLIGHTLY_ODD = st.sampled_from([2**63, 2**64, 1.5, 1.0, "7", [7], [None], "a\x00", ["\ud800"], {"a\x00": 1}, False, -1])
# What records are rejected without.
NEEDED = {"id": 7, "type": "bot", "title": "t", "status": "open", "created_at": 7, "private": False, "message_type": 0}


def payloads(entity: Entity) -> Strategy:
    """Objects with fields of an entity, and others, in any order: of the usual kinds, but for one, or of any."""
    usual = _objects(entity, "", USUAL, NEEDED)
    names = [name for prefix, shape in entity.shapes.items() for name in shape.known if not prefix]
    but_for_one = st.builds(
        lambda made, name, odd: made | {name: odd}, usual, st.sampled_from(sorted(names)), SLIGHTLY_ODD | ANYTHING
    )
    return st.one_of(usual, but_for_one, _objects(entity, "", USUAL | ANYTHING, {}), ANYTHING)


def _objects(entity: Entity, prefix: str, values: Strategy, needed: dict[str, Any]) -> Strategy:
    of_its_own = {
        path[len(prefix) : -1]: _objects(entity, path, values, {}) | values
        for path in entity.shapes
        if path.startswith(prefix) and path[len(prefix) :].count(".") == 1
    }
    known = dict.fromkeys([*sorted(entity.shapes[prefix].known), *sorted(SECRETS), "mood", "tempo"], values)
    odd = {} if needed else dict.fromkeys(["a\x00", "\ud800", "\x1b"], values)
    every = known | odd | of_its_own
    return st.lists(st.sampled_from(list(every)), unique=True).flatmap(
        lambda names: st.fixed_dictionaries({name: every[name] for name in names}).map(lambda made: made | needed)
    )


def spelt(value: Any) -> Any:
    """Return a value so that true and 1 are not equal, and the order of keys is nothing."""
    if isinstance(value, dict):
        return sorted((repr(key), spelt(item)) for key, item in value.items())
    return [spelt(item) for item in value] if isinstance(value, list) else repr(value)


def outcome(make: Any, entity: Entity, payload: Any) -> Any:
    """Return all that comes of a payload: the row and what is told of it, or the refusal."""
    try:
        made: Converted = make(entity, payload)
    except BadValue as error:
        return type(error), str(error), error.field, error.quote
    return [spelt(vars(made)[name]) for name in ("row", "unheld", "columns", "beyond", "replaced")], made.unknown


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.sent_as)
@settings(max_examples=examples(20, 2_000))
@given(data=st.data())
def test_a_payload_becomes_the_same_row_by_plan_and_by_the_definition(entity, data):
    payload = data.draw(payloads(entity))
    assert outcome(plans.convert, entity, payload) == outcome(to_row, entity, payload)


def by_hand(entity: Entity, payload: dict[str, Any]) -> Counter[str]:
    """Return what there is to note of one record: it, its fields, and those of the objects in it, by their kinds."""
    noted = Counter({entity.sent_as: 1})
    for prefix in entity.shapes:
        inside = payload.get(prefix[:-1]) if prefix else payload
        for name, value in inside.items() if isinstance(inside, dict) else ():
            noted[f"{entity.sent_as}.{printable(prefix + name)}\t{KINDS[type(value)]}"] += 1
    for name in ARRAYS:
        noted[f"{entity.sent_as}.{name}\t{EMPTY}"] += payload.get(name) == []
    return +noted


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.sent_as)
@settings(max_examples=examples(8, 500))
@given(data=st.data())
def test_what_is_noted_of_payloads_is_what_each_has_whether_planned_or_odd(entity, data):
    sent = [one for one in data.draw(st.lists(payloads(entity), max_size=3)) if isinstance(one, dict)]
    observed = Observed()
    for payload in sent:
        observed.add(entity, payload)
    assert observed.sums() == sum((by_hand(entity, payload) for payload in sent), Counter())


@pytest.mark.parametrize(
    ("entity", "sent"),
    [
        (entities.MESSAGE, {"label_list": [7]}),
        (entities.MESSAGE, {"label_list": ["x", "\x00"]}),
        (entities.CONVERSATION, {"last_activity_at": 7, "timestamp": 0}),
        (entities.CONVERSATION, {"timestamp": 7, "last_activity_at": None}),
        (entities.CONVERSATION, {"timestamp": None, "last_activity_at": 7}),
        (entities.CONVERSATION, {"timestamp": None, "last_activity_at": None}),
        (entities.CONVERSATION, {"created_at": 0}),
        (entities.CONVERSATION, {"meta": {"mood": {"secret": 1}, "channel": "x"}}),
        (entities.MESSAGE, {"conversation": None, "call": {}}),
        (entities.MESSAGE, {"conversation": [7]}),
    ],
)
def test_what_seldom_comes_is_the_same_by_both_as_well(entity, sent):
    payload = NEEDED | sent
    assert outcome(plans.convert, entity, payload) == outcome(to_row, entity, payload)


def test_what_is_usual_is_made_by_plan_and_what_is_odd_by_the_definition(monkeypatch):
    """So that the two are not equal for being the same."""
    by_definition = []
    monkeypatch.setattr(
        plans, "to_row", lambda entity, payload: by_definition.append(payload) or to_row(entity, payload)
    )
    usual = {"id": 7, "name": "x", "mood": {"a": 1}, "blocked": True, "created_at": 1767268800, "email": None}
    odd = [
        usual | change
        for change in ({"name": "a\x00"}, {"conversations_count": 2**63}, {"blocked": 1}, {"mood": 2**70})
    ]
    for payload in [usual, *odd]:
        plans.convert(entities.CONTACT, payload)
    assert by_definition == odd


class ByDefinition(Batch):
    """A batch that makes each row by `to_row`, and adds it each time that it comes."""

    def refer(self, table: str, number: int) -> None:
        self.add(table, {"id": number})

    def once(self, _name: str, _sent: Any, make: Any) -> Any:
        return make()

    def make(self, entity: Entity, payload: Any, about: int | None, _plan: Plan | None = None) -> Converted | None:
        try:
            return to_row(entity, payload)
        except BadValue as error:
            self.reject(entity.name, payload, error, about)
            return None


# Few, so that they meet again: with other fields, or with what their columns cannot hold.
PEOPLE = st.fixed_dictionaries(
    {"id": st.sampled_from([1, 2, "1"])},
    optional={
        "type": st.sampled_from(["user", "contact", "agent_bot"]),
        "name": st.sampled_from(["x", "y", None, 7, ["x"]]),
        "blocked": st.sampled_from([True, 1, "x"]),
        "mood": st.sampled_from([1, {"a": "\x00"}]),
        "outgoing_url": st.sampled_from([None, "x"]),
    },
)
MESSAGES = st.fixed_dictionaries(
    {"id": st.integers(1, 4)},
    optional={
        "sender": PEOPLE | USUAL,
        "sender_type": st.sampled_from(["User", "Contact", "AgentBot", None, 7]),
        "sender_id": st.sampled_from([1, 2, None, "x"]),
        "inbox_id": st.sampled_from([1, 2, None, 2**64]),
        "content": st.sampled_from(["x", "y", "a\x00", None]),
        "attachments": st.lists(st.fixed_dictionaries({"id": st.integers(1, 3)}), max_size=2) | USUAL,
        "conversation": st.sampled_from([{"assignee_id": 1, "assignee_type": "AgentBot"}, {"assignee_id": 2}, None, 7]),
    },
)
CONVERSATIONS = st.fixed_dictionaries(
    {"id": st.integers(1, 2), "status": st.just("open"), "created_at": st.just(7)},
    optional={
        "meta": st.fixed_dictionaries(
            {}, optional={"sender": PEOPLE, "assignee": PEOPLE, "team": PEOPLE, "channel": USUAL}
        ),
        "messages": st.lists(MESSAGES, max_size=4),
        "inbox_id": st.sampled_from([1, 2, None]),
        "last_non_activity_message": MESSAGES,
    },
)


def batch_of(kind: type[Batch], pages: list[Any], messages: list[Any]) -> Any:
    """Return all that there is to tell of a batch."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rows, "Batch", kind)
        batch = rows.to_batch(1, pages)
    rows.add_history(batch, 1, messages)
    for page in pages:
        rows.add_agents(batch, page)
    told = {name: value for name, value in vars(batch).items() if not name.startswith("_")}
    told["unheld"], told["unknown_fields"] = +batch.unheld, sorted(batch.unknown_fields)
    return {name: spelt(vars(value) if name == "observed" else value) for name, value in told.items()}


def test_a_person_who_is_told_once_more_after_others_added_them_is_as_told_last():
    batch, told = Batch(1), {"id": 5, "name": "as told"}
    batch.convert(entities.CONTACT, told)
    batch.add("contacts", {"id": 5, "name": "as added"})
    batch.convert(entities.CONTACT, told)
    assert batch.rows["contacts"] == {(5,): {"account_id": 1, "id": 5, "name": "as told"}}


@settings(max_examples=examples(80, 5_000))
@given(pages=st.lists(CONVERSATIONS, max_size=3), messages=st.lists(MESSAGES, max_size=6))
def test_a_batch_is_the_same_as_if_everything_were_added_each_time_that_it_comes(pages, messages):
    assert batch_of(Batch, pages, messages) == batch_of(ByDefinition, pages, messages)
