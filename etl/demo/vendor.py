"""The vendor's server as a function from request to answer: tokens, limits, refusals."""

import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from threading import Lock

from etl.demo.account import Account
from etl.demo.asked import NO_SUCH_ROUTE, Asked
from etl.demo.dimensions import profile_payload
from etl.demo.finders import NotFoundError, ServerFaultError, SortedLists, Viewer
from etl.demo.routes import find_route
from etl.demo.server import Answer, Request, json_answer, text_answer

VERSIONS = {"2.14": "2.14.0", "4.7": "4.7.0", "2026": "4.12.0"}

NOT_SIGNED_IN = json_answer({"errors": ["You need to sign in or sign up before continuing."]}, 401)
INVALID_TOKEN = json_answer({"error": "Invalid Access Token"}, 401)
NOT_YOUR_ACCOUNT = json_answer({"error": "You are not authorized to access this account"}, 401)
SUSPENDED = json_answer({"error": "Account is suspended"}, 401)
NOT_FOUND = json_answer({"error": "Resource could not be found"}, 404)
SERVER_FAULT = json_answer({"status": 500, "error": "Internal Server Error"}, 500)
TOO_MANY = text_answer("Retry later\n", 429)


class _RefusedError(Exception):
    """The request may not have what it asks for; `answer` says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


@dataclass
class Vendor:
    """Answer as the vendor does for one account or several; an App for `serve`, safe to call from several threads.

    The token is that of the first account's first administrator and opens every account but the `foreign` ones;
    `hidden_inboxes` makes it that of an agent who does not see these. `behaviour` is "4.7", "2.14" or "2026" (the first
    server after March 2026). `clock` gives epoch seconds; the limit counts the requests of each of its minutes.
    `requests` keeps every request in the order of arrival, refused ones too.
    """

    account: Account | Sequence[Account]
    _: KW_ONLY
    token: str = "demo-token"  # noqa: S105 -- it opens nothing but made-up accounts
    behaviour: str = "4.7"
    page_size: int = 25
    requests_per_minute: int | None = None
    clock: Callable[[], float] = time.time
    foreign: frozenset[int] = frozenset()
    hidden_inboxes: frozenset[int] = frozenset()
    requests: list[Request] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        self._lists = SortedLists()
        self._lock = Lock()
        self._of_minutes: Counter[int] = Counter()

    @property
    def accounts(self) -> Sequence[Account]:
        """Return all its accounts."""
        return [self.account] if isinstance(self.account, Account) else self.account

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        if self._is_one_too_many(request):
            return TOO_MANY
        try:
            return self._answer(request)
        except _RefusedError as refused:
            return refused.answer
        except NotFoundError:
            return NOT_FOUND
        except ServerFaultError:
            return SERVER_FAULT

    def _answer(self, request: Request) -> Answer:
        if request.path == "/api":
            return self._version()
        if request.path == "/api/v1/profile":
            self._check_token(request)
            return self._profile()
        match = re.fullmatch(r"/api/(v\d)/accounts/([^/]+)/(.+)", request.path)
        route = find_route(match[1], match[3]) if match else None
        if match is None or route is None:
            raise _RefusedError(NO_SUCH_ROUTE)
        self._check_token(request)
        handler, keys = route
        return handler(self._asked(self._open(match[2]), request), *keys)

    def _is_one_too_many(self, request: Request) -> bool:
        with self._lock:
            self.requests.append(request)
            minute = int(self.clock() // 60)
            self._of_minutes[minute] += 1
            return self.requests_per_minute is not None and self._of_minutes[minute] > self.requests_per_minute

    def _check_token(self, request: Request) -> None:
        # The twin with dashes survives proxies that drop header names with underscores.
        token = request.headers.get("api_access_token") or request.headers.get("api-access-token")
        if token != self.token:
            raise _RefusedError(INVALID_TOKEN if token else NOT_SIGNED_IN)

    def _open(self, account_id: str) -> Account:
        account = next((account for account in self.accounts if str(account.id) == account_id), None)
        if account is None:
            raise NotFoundError
        if account.id in self.foreign:
            raise _RefusedError(NOT_YOUR_ACCOUNT)
        if account.status == "suspended":
            raise _RefusedError(SUSPENDED)
        return account

    def _asked(self, account: Account, request: Request) -> Asked:
        administrators = (agent.id for agent in self.accounts[0].agents.values() if agent.role == "administrator")
        viewer = Viewer(next(administrators, None), self.hidden_inboxes, self.behaviour)
        return Asked(account, request, viewer, self.page_size, self.clock, self._lists)

    def _version(self) -> Answer:
        moment = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(self.clock()))
        version = {"version": VERSIONS[self.behaviour], "timestamp": moment}
        return json_answer(version | {"queue_services": "ok", "data_services": "ok"})

    def _profile(self) -> Answer:
        accounts = [account for account in self.accounts if account.id not in self.foreign]
        agents = accounts[0].agents.values()
        user = next(agent for agent in agents if agent.role == "administrator")
        role = "agent" if self.hidden_inboxes else user.role
        return json_answer(profile_payload(accounts, replace(user, role=role), self.token))
