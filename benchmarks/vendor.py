"""The bench's server: a vendor in a process of its own that answers with bytes that were serialised beforehand.

It must not be what is measured. So it is one asyncio protocol that reads no more of a request than its first line, has
no framework above it, and keeps every conversation and message as JSON. What it could answer at most is measured, too
(`ceiling.py`), and stands in the report.
"""

import argparse
import asyncio
import gc
import time
from collections import Counter
from urllib.parse import parse_qsl

from benchmarks.account import Account, dumps, lengthen

PAGE = 25
NEWEST, ONE_SIDED, TWO_SIDED = 20, 100, 1000  # how many messages an answer has at most: the vendor's section 3
ROOT = b"/api/v1/accounts/1/"
GONE = b'{"error":"Resource could not be found"}'
EMPTY_LISTS = {b"inboxes": b'{"payload":[]}', b"labels": b'{"payload":[]}'} | dict.fromkeys(
    (b"agents", b"teams", b"csat_survey_responses", b"custom_attribute_definitions"), b"[]"
)
PROFILE = dumps({"id": 1, "name": "Alice", "role": "administrator", "accounts": [{"id": 1, "role": "administrator"}]})
HEADS = {
    200: b"HTTP/1.1 200 OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
    404: b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
}

Query = dict[bytes, bytes]


class Vendor:
    """The answers, the latency in seconds, and what was asked for since the last reset, by kind."""

    def __init__(self, account: Account, latency: float) -> None:
        self.account = account
        self.latency = latency
        self.asked = Counter[str]()
        self.processor_seconds = time.process_time()

    def answer(self, target: bytes) -> tuple[int, bytes]:
        """Return status and body for the target of a request line."""
        path, _, asked = target.partition(b"?")
        query = dict(one.partition(b"=")[::2] for one in asked.split(b"&")) if asked else {}
        if path.startswith(ROOT):
            return self._of_account(path[len(ROOT) :].split(b"/"), query)
        if path == b"/api/v1/profile":
            return self._count("profile", PROFILE)
        if path == b"/api":
            return self._count("version", b'{"version":"4.7.0"}')
        return 404, GONE

    def _count(self, kind: str, body: bytes | None) -> tuple[int, bytes]:
        self.asked[kind] += 1
        return (200, body) if body is not None else (404, GONE)

    def _of_account(self, path: list[bytes], query: Query) -> tuple[int, bytes]:
        match path:
            case [b"conversations"]:
                return self._count("pages", self._page(query))
            case [b"conversations", b"meta"]:
                return self._count("counts", b'{"meta":%b}' % self._meta(query.get(b"status", b"open").decode()))
            case [b"conversations", number, b"messages"]:
                return self._count("histories", self._history(number, query))
            case [b"conversations", number]:
                return self._count("conversations", self._conversation(number))
            case [name] if name in EMPTY_LISTS:
                return self._count("lists", EMPTY_LISTS[name])
        return self._count("unknown", None)

    def _meta(self, status: str) -> bytes:
        count = len(self.account.walks.get(status, []))
        return b'{"mine_count":0,"assigned_count":%d,"unassigned_count":0,"all_count":%d}' % (count, count)

    def _page(self, query: Query) -> bytes:
        status = query.get(b"status", b"open").decode()
        at = (max(1, int(query.get(b"page", b"1"))) - 1) * PAGE
        rows = self.account.walks.get(status, [])[at : at + PAGE]
        return b'{"data":{"meta":%b,"payload":[%b]}}' % (self._meta(status), b",".join([one.listed for one in rows]))

    def _conversation(self, number: bytes) -> bytes | None:
        if not 0 < int(number) <= self.account.total:
            return None
        return self.account.conversations[int(number) - 1].listed

    def _history(self, number: bytes, query: Query) -> bytes | None:
        if not 0 < int(number) <= self.account.total:
            return None
        one = self.account.conversations[int(number) - 1]
        return b'{"meta":{"labels":[]},"payload":[%b]}' % b",".join(_window(one.ids, one.messages, query))

    def control(self, target: bytes) -> bytes:
        """Obey: `/bench/set?latency=<ms>&generation=<k>`, `/bench/reset`, `/bench/counters`, `/bench/truth`."""
        path, _, asked = target.decode().partition("?")
        if path == "/bench/reset":
            self.asked.clear()
            self.processor_seconds = time.process_time()
        for name, value in parse_qsl(asked):
            if name == "latency":
                self.latency = float(value) / 1000
            if name == "generation" and int(value) != self.account.generation:
                self.account.move_to(int(value))
        if path == "/bench/truth":
            return dumps(self.account.truth())
        return dumps({"asked": self.asked, "processor_seconds": time.process_time() - self.processor_seconds})


def _window(ids: list[int], messages: list[bytes], query: Query) -> list[bytes]:
    """Return the messages that a server from 2.16 on gives; ids and times have one order here."""
    before = int(query[b"before"]) if b"before" in query else None
    if b"after" not in query:
        below = messages if before is None else [m for n, m in zip(ids, messages, strict=True) if n < before]
        return below[-NEWEST:]
    after = int(query[b"after"])
    if before is None:
        return [m for n, m in zip(ids, messages, strict=True) if n > after][:ONE_SIDED]
    if after <= ids[0] and ids[-1] < before:
        return messages[:TWO_SIDED]
    return [m for n, m in zip(ids, messages, strict=True) if after <= n < before][:TWO_SIDED]


class Connection(asyncio.Protocol):
    """One kept-alive connection: requests without bodies, one after the other."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.received = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport; asyncio has switched Nagle's algorithm off."""
        if isinstance(transport, asyncio.Transport):
            self.transport = transport

    def connection_lost(self, _: Exception | None) -> None:
        """Forget the transport, to which a late answer would be written."""
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Answer as soon as the blank line is there; the target is the second word."""
        self.received += data
        if not self.received.endswith(b"\r\n\r\n"):
            return
        target = self.received.split(b" ", 2)[1]
        self.received = b""
        if target.startswith(b"/bench/"):
            self._send(200, self.vendor.control(target))
            return
        status, body = self.vendor.answer(target)
        if self.vendor.latency:
            asyncio.get_running_loop().call_later(self.vendor.latency, self._send, status, body)
        else:
            self._send(status, body)

    def _send(self, status: int, body: bytes) -> None:
        if self.transport:
            self.transport.write(HEADS[status] % len(body) + body)


async def _serve(vendor: Vendor) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(vendor), "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Serve until killed; print the port when ready."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--conversations", type=int, default=3000)
    options.add_argument("--latency", type=float, default=0, help="milliseconds")
    options.add_argument("--generation", type=int, default=0)
    options.add_argument("--long", type=int, default=0, help="messages more of one of a thousand conversations")
    given = options.parse_args()
    lengthen(given.long)
    account = Account(given.conversations, given.generation)
    gc.freeze()  # a million messages would be looked through again and again while answering
    asyncio.run(_serve(Vendor(account, given.latency / 1000)))


if __name__ == "__main__":
    main()
