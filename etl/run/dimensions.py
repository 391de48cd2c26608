"""Reads the names behind the numbers: account, inboxes, agents, teams, labels, custom attributes, survey responses.

Each list may be missing on an installation, or be refused to a token: a run goes on without it, and says so.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.errors import BadValue, DatabaseError, VendorError
from etl.extract.belonging import get_list
from etl.extract.client import Client, Query
from etl.load import conversations
from etl.load.journal import Run
from etl.run.lists import Missed, Names, items_of, named, objects_of
from etl.run.writer import Writer
from etl.transform.batch import Batch
from etl.transform.entities import ACCOUNT, AGENT, DEFINITION, INBOX, LABEL, TEAM
from etl.transform.rows import add_survey_response
from etl.transform.values import whole
from etl.views import attribute_columns

PROFILE = "/api/v1/profile"
SURVEYS = "csat_survey_responses"
# Unless an order is asked for, the server gives them in any order, which may differ from page to page.
BY_CREATED_AT, LATEST_FIRST = ("sort", "created_at"), ("sort", "-created_at")
# 25 responses a page upstream.
MOST_PAGES = 20_000


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
    listed: path of a list -> the numbers that it has, of the lists that were read. missed: what could not be read, and
    is yet to be said.
    """

    client: Client
    pool: Executor
    engine: Engine
    writer: Writer
    run: Run
    rights: tuple[str, ...] | None = None
    listed: dict[str, set[int]] = field(default_factory=dict)
    missed: Missed = field(default_factory=Missed)

    def read_profile(self) -> None:
        """Read and save what the account is called, and what the token may see."""
        batch = Batch(self.run.account_id)
        self._add_account(batch, partial(self.client.get, PROFILE))
        self.writer.save(batch)

    def read(self) -> None:
        """Read and save the names, all lists at once; those of a list that cannot be had stay as they are."""
        batch = Batch(self.run.account_id)
        profile = self.pool.submit(self.client.get, PROFILE)
        answers = [(names, self.pool.submit(get_list, self.client, names.path)) for names in LISTS]
        self._add_account(batch, profile.result)
        listed = {names.path: self._add_list(batch, names, answer.result) for names, answer in answers}
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

    def read_surveys(self, since: datetime | None = None) -> None:
        """Read and save the survey responses page by page, when the conversations that they refer to are there.

        since: the newest first, until a page has none of that time.
        """
        seen: set[str] = set()
        for number in range(1, MOST_PAGES + 1):
            page = self._survey_page([("page", number), LATEST_FIRST if since else BY_CREATED_AT])
            if not page:
                self.missed.say(self.run)
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
            if since and not any(_is_of(response, since) for response in page):
                return
        self.run.problems.append(f"Of the survey responses only the first {MOST_PAGES} pages were read.")

    def _add_account(self, batch: Batch, result: Callable[[], Any]) -> None:
        """Take name and role from the profile, which also holds the token itself: nothing else of it is kept."""
        try:
            profile = result()
        except VendorError as error:
            self.missed.add("the account's name, and whether this token sees everything (it is believed)", error)
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
            items = items_of(result())
        except VendorError as error:
            self.missed.add(f"{names.tells} ({names.instead})", error)
            return None
        for item in objects_of(batch, names.entity, items):
            batch.observed.add(names.entity, item)
            batch.convert(names.entity, named(names.entity, item))
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
            return items_of(get_list(self.client, SURVEYS, query))
        except VendorError as error:
            self.missed.add("the survey responses (messages tell their ratings)", error)
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


def _is_of(response: Any, since: datetime) -> bool:
    """Return whether a survey response is from a time or later, or does not tell."""
    created = response.get("created_at") if isinstance(response, dict) else None
    return not isinstance(created, int | float) or created >= since.timestamp()


def _rights(account: dict[str, Any]) -> tuple[str, ...]:
    """Return the token's role in an account, and what newer servers say that it permits."""
    permits = account.get("permissions")
    told = [account.get("role"), *(permits if isinstance(permits, list) else [])]
    return tuple(one for one in told if isinstance(one, str))
