"""Walks every page again where the server does not show single conversations, so that only pages tell what is there."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from etl.extract.client import Client
from etl.extract.walk import BY_CREATION, walk
from etl.id_set import IdSet
from etl.selection import STATUSES

MOST_ROUNDS = 5


def walk_again(client: Client, pool: Executor, take: Callable[[list[Any]], None], seen: IdSet, counted: int) -> None:
    """Walk by time of creation, which rarely ties, until all that the vendor counts was seen or nothing is new.

    take: takes in payloads of conversations, and adds to what was seen.
    """
    for _ in range(MOST_ROUNDS):
        before = len(seen)
        for status in STATUSES:
            for page in walk(client, pool, [("status", status), BY_CREATION]):
                take(page.payloads)
        if len(seen) >= counted or len(seen) == before:
            return
