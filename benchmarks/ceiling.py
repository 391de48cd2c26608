"""What the server itself could answer at most: the plainest clients, which decode nothing."""

import asyncio
import time
from dataclasses import dataclass, field

from benchmarks.limit import ROOT, WINDOW
from benchmarks.place import Server

SECONDS = 2.0
CLIENTS = 16


@dataclass
class Count:
    """What all clients together were answered until the time was up."""

    until: float
    answers: int = 0
    done: list[asyncio.Future[None]] = field(default_factory=list)


class Asker(asyncio.Protocol):
    """A client that looks at nothing but the length in the first answer, and then at how many bytes came."""

    def __init__(self, request: bytes, count: Count) -> None:
        self.request = request
        self.count = count
        self.received = self.length = 0
        self.first = b""
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        count.done.append(self.done)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        """Ask again as soon as the answer is complete."""
        if not self.length:
            self.first += data
            head, blank, _ = self.first.partition(b"\r\n\r\n")
            if not blank:
                return
            self.length = len(head) + len(blank) + int(head.rpartition(b"Content-Length: ")[2])
            data, self.first = self.first, b""
        self.received += len(data)
        if self.received < self.length:
            return
        self.received = 0
        self.count.answers += 1
        if time.perf_counter() < self.count.until:
            self.transport.write(self.request)
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """Say that this client is through."""
        self.done.set_result(None)


async def _ask(port: int, target: str) -> int:
    request = f"GET {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()
    count = Count(time.perf_counter() + SECONDS)
    loop = asyncio.get_running_loop()
    for _ in range(CLIENTS):
        await loop.create_connection(lambda: Asker(request, count), "127.0.0.1", port)
    await asyncio.gather(*count.done)
    return count.answers


def measure(server: Server) -> dict[str, float]:
    """Return answers a second for histories and pages, and how many a second of the server's processor time gave."""
    found: dict[str, float] = {}
    for kind, target in (("histories", f"{ROOT}/7/messages?{WINDOW}"), ("pages", f"{ROOT}?status=resolved&page=2")):
        server.control("set?latency=0")
        server.control("reset")
        answers = asyncio.run(_ask(server.port, target))
        used = float(server.control("counters")["processor_seconds"])
        found[f"{kind}_a_second"] = round(answers / SECONDS)
        found[f"{kind}_a_processor_second"] = round(answers / used)
    return found
