"""One request to the made-up vendor, with what is needed to answer it; and what each room of it refuses alike."""

from collections.abc import Callable
from dataclasses import dataclass

from etl.demo.account import Account
from etl.demo.finders import SortedLists, Viewer
from etl.demo.server import Answer, Request, json_answer

# The web server says this one, and not the vendor.
NO_SUCH_ROUTE = Answer(404, b"<!DOCTYPE html><title>There is no such page (404)</title>", "text/html")
FORBIDDEN = json_answer({"error": "You are not authorized to do this action"}, 401)


@dataclass(frozen=True)
class Asked:
    """One request with what is needed to answer it."""

    account: Account
    request: Request
    viewer: Viewer
    page_size: int
    clock: Callable[[], float]
    lists: SortedLists


Handler = Callable[..., Answer]
