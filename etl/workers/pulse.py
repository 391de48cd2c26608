"""A worker's sign of life: from a thread and a connection of its own, so that no work of its process holds it up.

One whose process is suspended, or which does not reach the database, gives none, and rightly counts as dead.
"""

import logging
import threading

import psycopg

from etl.database import keepalive, session
from etl.database.address import parameters
from etl.database.engine import explain
from etl.database.objects import QUEUE_SCHEMA

log = logging.getLogger(__name__)

# While a worker is suspended another one may delete it as dead: it is there again when it goes on.
ALIVE = f"""
    INSERT INTO {QUEUE_SCHEMA}.procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE
    VALUES (%(worker_id)s, now())
    ON CONFLICT (id) DO UPDATE SET last_heartbeat = excluded.last_heartbeat
"""  # noqa: S608 -- only a constant is formatted in


class Pulse:
    """Says every so many seconds that a worker is alive, until it ends."""

    def __init__(self, url: str, seconds: float) -> None:
        found = parameters(url)
        self._given = keepalive.defaults(found, "etl worker") | found
        self._seconds = seconds
        self._ended = threading.Event()

    def begin(self, worker_id: int) -> None:
        """Begin to say that a worker is alive."""
        self._ended = threading.Event()  # of its own: a thread that still waits for a server ends, too
        says = threading.Thread(target=self._say, args=(worker_id, self._ended), name="etl-pulse", daemon=True)
        says.start()

    def end(self) -> None:
        """Say nothing more."""
        self._ended.set()

    def _say(self, worker_id: int, ended: threading.Event) -> None:
        connection = None
        while not ended.wait(self._seconds):
            try:
                connection = connection or self._connect()
                connection.execute(ALIVE, {"worker_id": worker_id}, prepare=False)
            except psycopg.Error as error:
                log.debug("This worker cannot say that it is alive: %s", explain(error))
                if connection:
                    connection.close()
                connection = None
        if connection:
            connection.close()

    def _connect(self) -> psycopg.Connection:
        connection: psycopg.Connection = psycopg.connect(**self._given, autocommit=True)
        session.prepare(connection)
        return connection
