"""Reads the names behind the numbers: account, inboxes, agents, teams, labels, custom attributes, survey responses.

Each list may be missing on an installation, or be refused to a token: a run goes on without it, and says so.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import BadValue, DatabaseError, Denied, VendorError
from etl.extract.belonging import get_list
from etl.extract.client import Client, Query
from etl.load import conversations
from etl.load.journal import Run
from etl.run.writer import Writer
from etl.transform.batch import Batch
from etl.transform.entities import ACCOUNT, AGENT, DEFINITION, INBOX, LABEL, TEAM
from etl.transform.fields import Entity
from etl.transform.rows import add_survey_response
from etl.transform.values import whole
from etl.views import attribute_columns

PROFILE = "/api/v1/profile"
SURVEYS = "csat_survey_responses"
# Unless an order is asked for, the server gives them in any order, which may differ from page to page.
BY_CREATED_AT = ("sort", "created_at")
# 25 responses a page upstream.
MOST_PAGES = 20_000


@dataclass(frozen=True)
class Names:
    """A list of names: where it is, what its items become, what it tells, and what is known without it."""

    path: str
    entity: Entity
    tells: str
    instead: str


LISTS = (
    Names("inboxes", INBOX, "the names and working hours of inboxes", "conversations tell their numbers and channels"),
    Names("agents", AGENT, "agents without a conversation", "conversations and messages tell the others"),
    Names("teams", TEAM, "teams without a conversation", "conversations tell the others"),
    Names("labels", LABEL, "descriptions and colours of labels", "conversations tell their titles"),
    Names(
        "custom_attribute_definitions",
        DEFINITION,
        "names and types of custom attributes",
        "conversations and contacts tell keys and values",
    ),
)


@dataclass
class Dimensions:
    """The names that a run reads at its start, and the survey responses at its end.

    rights: the role of the token, and what that permits; empty where the server does not tell, None: it was not read.
    listed: path of a list -> the numbers that it has, of the lists that were read.
    """

    client: Client
    pool: Executor
    engine: Engine
    writer: Writer
    run: Run
    rights: tuple[str, ...] | None = None
    listed: dict[str, set[int]] = field(default_factory=dict)
    _missed: dict[str, list[str]] = field(default_factory=dict)

    def read(self) -> None:
        """Read and save the names, all lists at once; those of a list that cannot be had stay as they are."""
        batch = Batch(self.run.account_id)
        profile = self.pool.submit(self.client.get, PROFILE)
        answers = [(names, self.pool.submit(get_list, self.client, names.path)) for names in LISTS]
        self._add_account(batch, profile.result)
        listed = {names.path: self._add_list(batch, names, answer.result) for names, answer in answers}
        self.say_what_was_missed()
        self.listed = {
            names.path: {row["id"] for row in batch.rows[names.entity.table].values() if "id" in row}
            for names in LISTS
            if listed[names.path] is not None
        }
        self.writer.save(batch)
        self._renew_views(listed["custom_attribute_definitions"])

    @property
    def sees_everything(self) -> bool:
        """Whether the token is an administrator's; where the server does not tell, it is believed to be."""
        return not self.rights or "administrator" in self.rights

    def read_surveys(self) -> None:
        """Read and save the survey responses page by page, when the conversations that they refer to are there."""
        seen: set[str] = set()
        for number in range(1, MOST_PAGES + 1):
            page = self._survey_page([("page", number), BY_CREATED_AT])
            if not page:
                self.say_what_was_missed()
                return
            before = len(seen)
            seen |= {str(response.get("id")) if isinstance(response, dict) else repr(response) for response in page}
            if len(seen) == before:
                self.run.notes.append(
                    f"The server gave survey responses again instead of page {number}: if there are more than {before},"
                    " the others are known as far as messages tell them."
                )
                return
            self._save_surveys(page)
        self.run.problems.append(f"Of the survey responses only the first {MOST_PAGES} pages were read.")

    def _add_account(self, batch: Batch, result: Callable[[], Any]) -> None:
        """Take name and role from the profile, which also holds the token itself: nothing else of it is kept."""
        try:
            profile = result()
        except VendorError as error:
            self.miss("the account's name, and whether this token sees everything (it is believed)", error)
            return
        self.rights = ()
        accounts = profile.get("accounts") if isinstance(profile, dict) else None
        for account in accounts if isinstance(accounts, list) else []:
            if isinstance(account, dict) and account.get("id") == self.run.account_id:
                self.rights = _rights(account)
                batch.convert(ACCOUNT, named(ACCOUNT, account), base_url=self.client.base_url)

    def _add_list(self, batch: Batch, names: Names, result: Callable[[], Any]) -> list[Any] | None:
        """Add the items of a list; return them, None when the list cannot be had."""
        try:
            items = _items(result())
        except VendorError as error:
            self.miss(f"{names.tells} ({names.instead})", error)
            return None
        for item in items:
            batch.observed.add(names.entity, item)
            if isinstance(item, dict):
                batch.convert(names.entity, named(names.entity, item))
            else:
                name = names.entity.name
                batch.reject(name, None, BadValue(f"expected an object, got {type(item).__name__}", field=name))
        return items

    def _renew_views(self, definitions: list[Any] | None) -> None:
        """Forget the definitions that are no longer listed, and give the views a column for each that is."""
        if definitions is None:
            return
        try:
            ids = [whole(definition["id"]) for definition in definitions]
        except (BadValue, KeyError, TypeError):
            return  # a rejected definition may be any of those that are stored
        with self.writer.transaction() as connection:
            attribute_columns.forget_others(connection, self.run.account_id, ids)
        try:
            with transaction(self.engine) as connection:
                attribute_columns.renew_views(connection)
        except DatabaseError as error:
            self.run.notes.append(f"The views of the custom attributes stay as they were. {error}")

    def _survey_page(self, query: Query) -> list[Any] | None:
        try:
            return _items(get_list(self.client, SURVEYS, query))
        except VendorError as error:
            self.miss("the survey responses (messages tell their ratings)", error)
            return None

    def _save_surveys(self, page: list[Any]) -> None:
        """Save a page; the id of a conversation that the tables do not have is kept in `extra`."""
        batch = Batch(self.run.account_id)
        for response in page:
            add_survey_response(batch, response)
        rows = [row for row in batch.rows["csat_responses"].values() if row.get("conversation_id") is not None]
        with transaction(self.engine) as connection:
            there = conversations.present(connection, batch.account_id, {row["conversation_id"] for row in rows})
        for row in rows:
            if row["conversation_id"] not in there:
                row["extra"] = (row.get("extra") or {}) | {"conversation_id": row["conversation_id"]}
                row["conversation_id"] = None
        self.writer.save(batch)

    def miss(self, what: str, error: VendorError) -> None:
        """Remember what could not be read, and why; of several failures of the server, only the first."""
        why = "this server does not have it"
        if isinstance(error, Denied):
            said = error.sentence.removesuffix(".") + (f": {error.quote}" if error.quote else "")
            why = error.reason or f"it was refused ({said})"
        elif error.status != HTTPStatus.NOT_FOUND:  # in HTML, too, which is how the vendor answers an unknown route
            failed = "the server failed"
            why = next((reason for reason in self._missed if reason.startswith(failed)), f"{failed}: {error}")
        self._missed.setdefault(why, []).append(what)

    def say_what_was_missed(self) -> None:
        """Say in notes what could not be read since this was last said."""
        for reason, missed in self._missed.items():
            self.run.notes.append(f"Not read: {'; '.join(missed)}. Why: {reason.removesuffix('.')}.")
        self._missed.clear()


def _items(answer: Any) -> list[Any]:
    """Return the items of a list, bare or under `payload`; raise VendorError when there is none."""
    items = answer.get("payload") if isinstance(answer, dict) else answer
    if not isinstance(items, list):
        raise VendorError("the answer is no list")
    return items


def named(entity: Entity, payload: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that have a column: `/inboxes` holds the channels' secrets, which are not to be stored."""
    known = entity.shapes[""].known
    return {name: value for name, value in payload.items() if name in known}


def _rights(account: dict[str, Any]) -> tuple[str, ...]:
    """Return the token's role in an account, and what newer servers say that it permits."""
    permits = account.get("permissions")
    told = [account.get("role"), *(permits if isinstance(permits, list) else [])]
    return tuple(one for one in told if isinstance(one, str))
