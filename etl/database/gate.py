"""A port of this machine that leads to one database of the embedded PostgreSQL, for one of its users, and nowhere else.

PostgreSQL would have to be started anew to listen on a port, amid the runs that use it, and once more to stop. So
what comes in is handed on to its Unix socket. There the owner is let in without a password: whoever asks to be anybody
else than that one user is turned away here, and PostgreSQL never hears of it.
"""

import asyncio
import socket
import struct
from contextlib import suppress
from dataclasses import dataclass

# What a client may begin with in the place of a version of the protocol, of which there is one.
ENCRYPTED = (80_877_103, 80_877_104)
CANCEL = 80_877_102
VERSION = 3
HEAD = struct.Struct("!iI")
LONGEST_BEGINNING = 10_000
SECONDS_TO_BEGIN = 10
# The server has a hundred places, which the runs need, too.
MOST_AT_ONCE = 40
PIECE = 65_536


@dataclass(frozen=True)
class Leads:
    """Where a gate leads to: the path of PostgreSQL's socket, and the only user and database."""

    path: str
    user: str
    database: str


class _TurnedAway(Exception):
    """A client is told why by a sentence, with one of PostgreSQL's codes."""

    def __init__(self, sentence: str, code: str = "28000") -> None:
        super().__init__(sentence)
        self.code = code


class Gate:
    """Lets clients in, each for as long as it stays."""

    def __init__(self, leads: Leads) -> None:
        self._leads = leads
        self._inside = 0

    async def stand(self, listening: socket.socket, until: asyncio.Event) -> None:
        """Let clients in by a socket that listens until the event is set; then it is closed, and so are they."""
        server = await asyncio.start_server(self._welcome, sock=listening)
        await until.wait()
        server.close()
        welcomed = asyncio.all_tasks() - {asyncio.current_task()}
        for one in welcomed:
            one.cancel()
        await asyncio.gather(*welcomed, return_exceptions=True)

    async def _welcome(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._inside += 1
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                async with asyncio.timeout(SECONDS_TO_BEGIN):
                    beginning = await self._beginning(reader, writer)
                    there = await self._reach()
                await _hand_on_both_ways((reader, writer), there, beginning)
        except _TurnedAway as reason:
            with suppress(OSError):
                writer.write(_refusal(reason))
                await writer.drain()
        finally:
            self._inside -= 1
            writer.close()

    async def _beginning(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Return what PostgreSQL is to hear first; raise _TurnedAway where that is not to be."""
        code, body = await _packet(reader)
        for _ in ENCRYPTED:  # each may be asked for once
            if code in ENCRYPTED:
                writer.write(b"N")  # nothing leaves this machine
                code, body = await _packet(reader)
        if code == CANCEL:  # it knows the secret of the session whose statement it ends
            return _as_packet(code, body)
        if code >> 16 != VERSION:
            raise _TurnedAway("This is a port of PostgreSQL, for clients of its protocol 3.", "08P01")
        self._require_ours(_parameters(body))
        return _as_packet(code, body)

    def _require_ours(self, given: dict[bytes, bytes]) -> None:
        """Raise _TurnedAway unless a client asks for our user and database; for others there is no way in."""
        leads = self._leads
        user = given.get(b"user", b"")
        wanted = user, given.get(b"database", user)
        if wanted != (leads.user.encode(), leads.database.encode()) or b"replication" in given:
            raise _TurnedAway(
                f"By this port only user {leads.user} reaches a database, and only {leads.database}: see `etl serve`."
            )
        if self._inside > MOST_AT_ONCE:
            raise _TurnedAway(f"There are {MOST_AT_ONCE} connections by this port already.", "53300")

    async def _reach(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        try:
            return await asyncio.open_unix_connection(self._leads.path)
        except OSError as error:
            raise _TurnedAway("The embedded PostgreSQL does not run; start `etl serve` again.", "57P03") from error


async def _packet(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read a packet as a client begins with: its length, a number that says what it is, and the rest."""
    length, code = HEAD.unpack(await reader.readexactly(HEAD.size))
    if not HEAD.size <= length <= LONGEST_BEGINNING:
        raise _TurnedAway("This is a port of PostgreSQL, without encryption.", "08P01")
    return code, await reader.readexactly(length - HEAD.size)


def _as_packet(code: int, body: bytes) -> bytes:
    return HEAD.pack(len(body) + HEAD.size, code) + body


def _parameters(body: bytes) -> dict[bytes, bytes]:
    """Return the names and values of a beginning; raise _TurnedAway where PostgreSQL might read it differently."""
    words = body.split(b"\0")
    names, values = words[:-2:2], words[1:-2:2]
    if words[-2:] != [b"", b""] or len(names) != len(values) or not all(names) or len(set(names)) != len(names):
        raise _TurnedAway("The connection begins with what is no list of parameters.", "08P01")
    return dict(zip(names, values, strict=True))


def _refusal(reason: _TurnedAway) -> bytes:
    fields = (b"SFATAL", b"VFATAL", b"C" + reason.code.encode(), b"M" + str(reason).encode())
    said = b"\0".join((*fields, b"", b""))
    return b"E" + struct.pack("!i", len(said) + 4) + said


async def _hand_on_both_ways(
    client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    beginning: bytes,
) -> None:
    """Hand on what each side says, until either is gone: then the other is told, too."""
    server[1].write(beginning)
    ways = [
        asyncio.ensure_future(_hand_on(client[0], server[1])),
        asyncio.ensure_future(_hand_on(server[0], client[1])),
    ]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        server[1].close()


async def _hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE):
            writer.write(piece)
            await writer.drain()
