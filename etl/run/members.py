"""Reads who belongs to which team and inbox; bots, SLA policies and campaigns; and settles who is still an agent.

A member is one until the list of its team or inbox, read whole and twice, no longer has it. Where that cannot be had,
or belongs to a token that may see less than there is, nothing has ended.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import exists

from etl.database.engine import transaction
from etl.database.models import Conversation
from etl.errors import Denied, NotFound, VendorError
from etl.extract.belonging import get_list
from etl.load import memberships
from etl.load.memberships import OF_INBOXES, OF_TEAMS, Kind
from etl.run.dimensions import Dimensions
from etl.run.lists import Names, items_of, named, objects_of
from etl.transform import actors
from etl.transform.batch import Batch
from etl.transform.entities import AGENT, BOT, CAMPAIGN, SLA_POLICY
from etl.transform.fields import Payload

ADMINISTRATOR = "administrator"
BOTS, POLICIES, CAMPAIGNS = (
    Names("agent_bots", BOT, "bots without a conversation", "conversations and messages tell the others"),
    Names("sla_policies", SLA_POLICY, "names and limits of SLA policies", "conversations tell their numbers"),
    Names("campaigns", CAMPAIGN, "the campaigns", "messages tell the numbers of theirs"),
)
# Of many lists: a server that fails them all would otherwise hold up the run for as many times its patience.
ATTEMPTS_AT_MEMBERS = 3


@dataclass(frozen=True)
class Members:
    """Lists of members of one kind. listed: the list of what they are members of."""

    kind: Kind
    listed: str
    path: str


KINDS = (
    Members(OF_TEAMS, "teams", "teams/{}/team_members"),
    Members(OF_INBOXES, "inboxes", "inbox_members/{}"),
)
Answer = list[Any] | VendorError


@dataclass
class Found:
    """The members of one kind: as the tables had them, and those read in whole, by team or inbox."""

    held: dict[int, set[int]]
    read: dict[int, set[int]] = field(default_factory=dict)


def read_members(dimensions: Dimensions) -> None:
    """Read and save all of it; what cannot be had stays as it is."""
    run, batch = dimensions.run, Batch(dimensions.run.account_id)
    answers = [
        (names, dimensions.pool.submit(get_list, dimensions.client, names.path))
        for names in (BOTS, POLICIES, CAMPAIGNS)
    ]
    with transaction(dimensions.engine) as connection:
        found = {one: Found(memberships.members(connection, run.account_id, one.kind)) for one in KINDS}
    for one in KINDS:
        _Reading(dimensions, batch, one, found[one]).read()
    for names, answer in answers:
        try:
            _add(batch, names, items_of(answer.result()))
        except VendorError as error:
            if names is not POLICIES or _has_policies(dimensions):
                dimensions.missed.add(f"{names.tells} ({names.instead})", error)
    dimensions.writer.save(batch)
    if _are_doubted(dimensions, found.values()):
        return
    with dimensions.writer.transaction() as connection:
        for one in KINDS:
            memberships.save_members(connection, run.account_id, one.kind, found[one].read, run.clock.now())


def settle_agents(dimensions: Dimensions) -> None:
    """Note who is on the list of agents and who is no longer, when all whom a run has met are in the tables.

    Who is not is looked for once more: an agent may have come since the run began.
    """
    listed, account_id = dimensions.listed.get(AGENT.table), dimensions.run.account_id
    if not listed:
        return
    with transaction(dimensions.engine) as connection:
        leaving = memberships.leaving(connection, account_id, listed)
    if leaving:
        try:
            again = items_of(get_list(dimensions.client, AGENT.table))
        except VendorError:
            return  # what is not known to be so is not noted; the next run asks again
        listed = listed.union(*(actors.number_of(item, "id").values() for item in again))
    with dimensions.writer.transaction() as connection:
        memberships.mark_listed(connection, account_id, listed)


@dataclass(frozen=True)
class _Reading:
    """The reading of the members of one kind into a batch."""

    dimensions: Dimensions
    batch: Batch
    members: Members
    found: Found

    def read(self) -> None:
        """Read the lists of all teams or inboxes, and again those in which somebody came or went."""
        listed, held = self.dimensions.listed.get(self.members.listed), self.found.held
        numbers = sorted({*(listed or ()), *held})
        answers = self._ask(numbers)
        for number, answer in answers.items():
            # Gone by two answers: its list no longer has it, and its members are not found.
            if isinstance(answer, NotFound) and listed is not None and number not in listed:
                answers[number] = []
        self._say_what_failed(answers, len(numbers))
        read = {number: self._take(number, items) for number, items in answers.items() if isinstance(items, list)}
        # When nothing is held yet, all would have to be asked twice.
        changed = [number for number, agents in read.items() if held and agents != held.get(number, set())]
        again = self._ask(changed)
        for number in changed:
            second = again.get(number)
            is_gone = isinstance(second, NotFound) and not answers[number]
            if not is_gone and _numbers(second) != _numbers(answers[number]):
                del read[number]  # it changes while it is read, or one of the answers was another one's
        self.found.read.update(read)

    def _ask(self, numbers: list[int]) -> dict[int, Answer]:
        """Ask for the members of teams or inboxes, one before all others: a server that has none is asked once."""
        if not numbers:
            return {}
        first = {numbers[0]: self._answer(numbers[0])}
        failed = first[numbers[0]]
        if isinstance(failed, VendorError) and not isinstance(failed, Denied | NotFound):
            return first
        return first | dict(zip(numbers[1:], self.dimensions.pool.map(self._answer, numbers[1:]), strict=True))

    def _answer(self, number: int) -> Answer:
        path = self.members.path.format(number)
        try:
            return items_of(get_list(self.dimensions.client, path, of=AGENT.table, attempts=ATTEMPTS_AT_MEMBERS))
        except VendorError as error:
            return error

    def _say_what_failed(self, answers: dict[int, Answer], asked: int) -> None:
        failed = [answer for answer in answers.values() if isinstance(answer, VendorError)]
        if failed:
            count = len(failed) + asked - len(answers)
            of = self.members.listed if count == asked else f"{count} of {asked} {self.members.listed}"
            self.dimensions.missed.add(f"the members of {of} (who was one stays one)", failed[0])

    def _take(self, number: int, items: list[Any]) -> set[int]:
        """Add the agents of a list; return their numbers, with those held where one of them cannot be read."""
        objects = objects_of(self.batch, AGENT, items)
        rows = [self.batch.convert(AGENT, named(AGENT, item)) for item in objects]
        agents = {row["id"] for row in rows if row}
        is_whole = len(objects) == len(items) and None not in rows
        return agents if is_whole else agents | self.found.held.get(number, set())


def _numbers(answer: Answer | None) -> set[int] | None:
    """Return the agents that an answer names; None where there is no list."""
    if not isinstance(answer, list):
        return None
    return {number for item in answer for number in actors.number_of(item, "id").values()}


def _are_doubted(dimensions: Dimensions, found: Iterable[Found]) -> bool:
    """Return whether nobody at all is a member of anything any more, by a token that may just not see it; say so."""
    everything = list(found)
    held = {agent for one in everything for agents in one.held.values() for agent in agents}
    read = [agents for one in everything for agents in one.read.values()]
    if not (held and read) or any(read) or ADMINISTRATOR in (dimensions.rights or ()):
        return False
    dimensions.run.notes.append(
        f"No team and no inbox has any member, of {len(held)} agents that were some, by a token that is not known to be"
        " an administrator's. It is not believed: who was a member stays one."
    )
    return True


def _has_policies(dimensions: Dimensions) -> bool:
    """Return whether a conversation refers to an SLA policy: where none does nothing is missed without them."""
    with transaction(dimensions.engine) as connection:
        account = Conversation.account_id == dimensions.run.account_id
        return bool(connection.scalar(exists().where(account, Conversation.sla_policy_id.is_not(None)).select()))


def _add(batch: Batch, names: Names, items: list[Any]) -> None:
    """Add the items of a list, of each the fields that have a column."""
    for item in objects_of(batch, names.entity, items):
        payload = named(names.entity, item)
        if names is BOTS:
            batch.convert(BOT, payload | {"type": actors.AGENT_BOT})
        elif names is CAMPAIGNS:
            batch.convert(CAMPAIGN, payload, **_related(batch, item))
        else:
            batch.convert(names.entity, payload)


def _related(batch: Batch, campaign: Payload) -> dict[str, Any]:
    """Add the inbox and the agent of a campaign, of each the fields that have a column; return who they are."""
    inbox = actors.number_of(campaign.get("inbox"), "inbox_id")
    for number in inbox.values():
        batch.add("inboxes", {"id": number})
    sender = campaign.get("sender")  # left out where there is none
    return {"inbox_id": None} | inbox | actors.person(batch, "sender_id", sender or None)
