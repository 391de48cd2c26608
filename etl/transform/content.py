"""Digests of what a message says, by which it is compared with another telling of it: pure.

Where texts are kept, the database makes the same digest of the row; where they are not, a keyed one is kept instead.
"""

import hashlib
from functools import lru_cache

# Hex digits that tell one key from another.
TAG = 4


def plain_digest(message_type: str | None, content: str | None) -> str:
    """Return the digest of type and text, as `load.held` has PostgreSQL make it of a row."""
    return hashlib.sha256(_said(message_type, content)).hexdigest()


def keyed_digest(message_type: str | None, content: str | None, key: str) -> str:
    """Return a digest of type and text by which no reader of the tables can try out texts without the key."""
    return _tag(key) + hashlib.blake2b(_said(message_type, content), digest_size=16, key=key.encode()).hexdigest()


def is_made_with(digest: str, key: str) -> bool:
    """Return whether a keyed digest was made with this key: else it cannot be compared with those that are."""
    return digest.startswith(_tag(key))


def _said(message_type: str | None, content: str | None) -> bytes:
    return f"{message_type or ''}\n{'-' if content is None else f'+{content}'}".encode()


@lru_cache(maxsize=8)
def _tag(key: str) -> str:
    return hashlib.blake2b(digest_size=TAG // 2, key=key.encode()).hexdigest()
