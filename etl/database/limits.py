"""What a server sets limits to, or does not give: time, connections, disk, a standby that answers."""

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, text

from etl.database.address import by_socket

# Counted while a first load went on, with sixteen answers in flight: a run has one for its lock, one that reads and one
# that writes; a worker, with a run that it shares, nine.
CONNECTIONS_OF_A_RUN = 3
CONNECTIONS_OF_A_WORKER = 10
# A batch takes a second or two; but a lock is waited for for a minute, and what a run settles at its end has to look at
# whole tables. Figures and migrations lift the limits for themselves.
SHORTEST_TIMEOUT = 60_000
ROOM_TO_SORT = 2**30
ROOM_ON_DISK = 2**29

TIMEOUTS = """
    SELECT concat(name, ' of ', current_setting(name)) FROM pg_settings
    WHERE name IN ('statement_timeout', 'transaction_timeout') AND setting::bigint BETWEEN 1 AND :shortest - 1
    ORDER BY 1
"""
# Of those that are open, the job's own are not counted: they are what there has to be room for.
CONNECTIONS = """
    WITH others AS (
        SELECT usename, datname FROM pg_stat_activity
        WHERE datid IS NOT NULL AND coalesce(application_name, '') NOT IN ('etl', 'etl worker')
    ), limits AS (
        SELECT concat('role ', rolname) AS whose, rolconnlimit AS allowed,
            (SELECT count(*) FROM others WHERE usename = rolname) AS used
        FROM pg_roles WHERE rolname = session_user AND rolconnlimit >= 0 AND NOT rolsuper
        UNION ALL
        SELECT concat('database ', datname), datconnlimit,
            (SELECT count(*) FROM others WHERE others.datname = d.datname)
        FROM pg_database AS d JOIN pg_roles ON rolname = session_user
        WHERE datname = current_database() AND datconnlimit >= 0 AND NOT rolsuper
        UNION ALL
        SELECT 'server', current_setting('max_connections')::int - (
                SELECT sum(setting::int) FROM pg_settings
                WHERE name IN ('superuser_reserved_connections', 'reserved_connections')
            ), (SELECT count(*) FROM others)
    )
    SELECT whose, allowed, used FROM limits ORDER BY allowed - used LIMIT 1
"""
TEMP_FILES = "SELECT setting::bigint * 1024 FROM pg_settings WHERE name = 'temp_file_limit' AND setting <> '-1'"
# Where commits wait for a standby, and none is connected, they wait for good.
STANDBY = """
    SELECT current_setting('synchronous_standby_names') <> ''
    AND current_setting('synchronous_commit') NOT IN ('off', 'local')
    AND NOT EXISTS (SELECT FROM pg_stat_replication)
"""
# Servers before 15 keep no version.
COLLATION = """
    SELECT to_regprocedure('pg_catalog.pg_database_collation_actual_version(oid)') IS NOT NULL
"""
STALE = """
    SELECT datcollversion, pg_database_collation_actual_version(oid) FROM pg_database
    WHERE datname = current_database() AND datcollversion <> pg_database_collation_actual_version(oid)
"""
FOLDER = "SELECT setting FROM pg_settings WHERE name = 'data_directory'"


def short_timeouts(connection: Connection) -> str | None:
    """Say that statements are ended too soon."""
    found = _rows(connection, TIMEOUTS, shortest=SHORTEST_TIMEOUT)
    return f"The user's statements end too soon: {', '.join(row[0] for row in found)}." if found else None


def no_connections_for_a_run(connection: Connection) -> str | None:
    """Say that there are too few connections for a run."""
    return _too_few(connection, CONNECTIONS_OF_A_RUN, "a run")


def no_connections_for_a_worker(connection: Connection) -> str | None:
    """Say that there are enough connections for a run, and too few for a worker."""
    if no_connections_for_a_run(connection):
        return None
    return _too_few(connection, CONNECTIONS_OF_A_WORKER, "a worker")


def little_room_to_sort(connection: Connection) -> str | None:
    """Say that what is sorted on disk is limited."""
    found = _rows(connection, TEMP_FILES)
    if not found or found[0][0] >= ROOM_TO_SORT:
        return None
    return f"temp_file_limit allows {found[0][0] // 2**20} MB to sort whole tables on disk."


def lost_standby(connection: Connection) -> str | None:
    """Say that commits wait for a standby that is not connected."""
    (found,) = _rows(connection, STANDBY)
    return "Commits wait for a standby (synchronous_standby_names), and none is connected." if found[0] else None


def other_collation(connection: Connection) -> str | None:
    """Say that texts are sorted in another way than when the indexes were made."""
    (known,) = _rows(connection, COLLATION)
    found = _rows(connection, STALE) if known[0] else []
    if not found:
        return None
    before, now = found[0]
    return f"Texts were sorted by version {before} of the system's rules when indexes were made, now by {now}."


def no_language(connection: Connection) -> str | None:
    """Say that the language of our functions is not there."""
    (found,) = _rows(connection, "SELECT EXISTS (SELECT FROM pg_language WHERE lanname = 'plpgsql')")
    return None if found[0] else "The database lacks the language plpgsql."


def little_disk(connection: Connection) -> str | None:
    """Say that the disk is nearly full: of a server on this machine that tells where its data are."""
    found = _rows(connection, FOLDER) if by_socket(connection.engine.url.query) else []
    folder = Path(found[0][0]) if found else None
    if folder is None or not folder.is_dir():
        return None
    free = shutil.disk_usage(folder).free
    return f"{free // 2**20} MB are free where the data lie ({folder})." if free < ROOM_ON_DISK else None


def _too_few(connection: Connection, needed: int, whose: str) -> str | None:
    (found,) = _rows(connection, CONNECTIONS)
    left = found.allowed - found.used
    if left >= needed:
        return None
    return f"The {found.whose} has {max(left, 0)} of {found.allowed} connections left; {whose} takes {needed}."


def _rows(connection: Connection, query: str, **values: Any) -> list[Any]:
    return list(connection.execute(text(query), values))
