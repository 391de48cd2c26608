"""A peer: the script that most people would write. One request after the other, every row written every night."""

import argparse
import json
import time
from collections.abc import Iterator
from typing import Any

import psycopg
import requests
from psycopg.types.json import Jsonb

STATUSES = ("open", "resolved", "pending", "snoozed")
NEWEST = 20
TABLES = """
CREATE TABLE IF NOT EXISTS contacts (
    id bigint PRIMARY KEY, name text, email text, phone_number text, custom_attributes jsonb);
CREATE TABLE IF NOT EXISTS conversations (
    id bigint PRIMARY KEY, status text, inbox_id bigint, contact_id bigint, assignee_id bigint, labels jsonb,
    created_at timestamptz, last_activity_at timestamptz, additional_attributes jsonb, custom_attributes jsonb);
CREATE TABLE IF NOT EXISTS messages (
    id bigint PRIMARY KEY, conversation_id bigint, content text, message_type bigint, content_type text, status text,
    private boolean, created_at timestamptz, sender_id bigint, sender_type text, content_attributes jsonb,
    attachments jsonb);
"""
TIMES = ("created_at", "last_activity_at")
COLUMNS = {
    "contacts": ("id", "name", "email", "phone_number", "custom_attributes"),
    "conversations": (
        *("id", "status", "inbox_id", "contact_id", "assignee_id", "labels", "created_at", "last_activity_at"),
        *("additional_attributes", "custom_attributes"),
    ),
    "messages": (
        *("id", "conversation_id", "content", "message_type", "content_type", "status", "private", "created_at"),
        *("sender_id", "sender_type", "content_attributes", "attachments"),
    ),
}


def get_conversations(session: requests.Session, base: str, status: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the pages of a status until the empty one."""
    page = 1
    while True:
        params: dict[str, str | int] = {"status": status, "page": page}
        answer = session.get(f"{base}/conversations", params=params, timeout=60)
        answer.raise_for_status()
        payload = answer.json()["data"]["payload"]
        if not payload:
            return
        yield payload
        page += 1


def get_messages(session: requests.Session, base: str, conversation_id: int) -> list[dict[str, Any]]:
    """Return the messages of a conversation, walked back 20 at a time."""
    messages: list[dict[str, Any]] = []
    params: dict[str, int] = {}
    while True:
        answer = session.get(f"{base}/conversations/{conversation_id}/messages", params=params, timeout=60)
        answer.raise_for_status()
        payload = answer.json()["payload"]
        messages += payload
        if len(payload) < NEWEST:
            return messages
        params = {"before": min(one["id"] for one in payload)}


def save(connection: psycopg.Connection[Any], table: str, payloads: list[dict[str, Any]]) -> None:
    """Insert or overwrite rows."""
    columns = COLUMNS[table]
    values = ", ".join(f"to_timestamp(%({name})s)" if name in TIMES else f"%({name})s" for name in columns)
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    statement = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {sets}"
    rows = [
        {name: Jsonb(one.get(name)) if isinstance(one.get(name), dict | list) else one.get(name) for name in columns}
        for one in payloads
    ]
    with connection.cursor() as cursor:
        cursor.executemany(statement.encode(), rows)
    connection.commit()


def sync(session: requests.Session, base: str, connection: psycopg.Connection[Any]) -> None:
    """Read everything and write everything."""
    for status in STATUSES:
        for page in get_conversations(session, base, status):
            save(connection, "contacts", [one["meta"]["sender"] for one in page])
            for one in page:
                one["contact_id"] = one["meta"]["sender"]["id"]
                one["assignee_id"] = one["meta"].get("assignee", {}).get("id")
            save(connection, "conversations", page)
            for one in page:
                messages = get_messages(session, base, one["id"])
                for message in messages:
                    sender = message.get("sender") or {}
                    message["sender_id"], message["sender_type"] = sender.get("id"), sender.get("type")
                save(connection, "messages", messages)


def main() -> None:
    """Run once; print the seconds as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--base-url", required=True)
    options.add_argument("--token", required=True)
    options.add_argument("--database", required=True)
    given = options.parse_args()
    begun = time.perf_counter()
    session = requests.Session()
    session.headers["api_access_token"] = given.token
    with psycopg.connect(given.database) as connection:
        connection.execute(TABLES)
        sync(session, f"{given.base_url}/api/v1/accounts/1", connection)
    print(json.dumps({"seconds": time.perf_counter() - begun}))


if __name__ == "__main__":
    main()
