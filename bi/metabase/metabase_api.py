"""Metabase as its API shows it to who has an API key: what is asked and sent, and what it refuses, as sentences."""

from typing import Any

import requests

ANSWER_SECONDS = 120
TOLD = 300  # characters of an answer that a sentence quotes

Json = dict[str, Any]


class Failed(Exception):
    """The dashboard could not be brought into Metabase; the message says why, and what to do."""


class Metabase:
    """A Metabase, by the address that people open it at, and a key of a group that may do what is asked of it."""

    def __init__(self, address: str, key: str) -> None:
        self.address = address.rstrip("/")
        self.session = requests.Session()
        self.session.headers["x-api-key"] = key

    def get(self, path: str, **query: Any) -> Any:
        """Return what the API answers at a path, parsed. Raise Failed."""
        return self._answer("GET", path, params=query)

    def post(self, path: str, body: Json) -> Any:
        """Send something new to a path, and return the answer, parsed. Raise Failed."""
        return self._answer("POST", path, json=body)

    def put(self, path: str, body: Json) -> Any:
        """Send a change to a path, and return the answer, parsed. Raise Failed."""
        return self._answer("PUT", path, json=body)

    def _answer(self, method: str, path: str, **sent: Any) -> Any:
        url = f"{self.address}/api/{path}"
        try:
            # A redirect would carry the key along, to wherever it leads.
            answer = self.session.request(method, url, timeout=ANSWER_SECONDS, allow_redirects=False, **sent)
        except requests.RequestException as error:
            raise Failed(f"Metabase cannot be reached at {self.address}: {error}. Is METABASE_URL right?") from error
        if answer.status_code in (401, 403):
            raise Failed(
                f"Metabase refused {method} /api/{path} ({answer.status_code}): METABASE_API_KEY has to be a key of "
                "the group Administrators (Admin settings, Authentication, API keys)."
            )
        if answer.is_redirect:
            raise Failed(
                f"Metabase at {self.address} leads on to {answer.headers['Location']}: set METABASE_URL to that."
            )
        if not answer.ok:
            raise Failed(f"Metabase refused {method} /api/{path} ({answer.status_code}): {answer.text[:TOLD]}")
        try:
            return answer.json()
        except ValueError as error:
            raise Failed(
                f"{url} did not answer as Metabase does: {answer.text[:TOLD]!r}. Is METABASE_URL right?"
            ) from error
