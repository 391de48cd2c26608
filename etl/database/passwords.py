"""The passwords of roles of the embedded PostgreSQL: each in a file of its own, and demanded by the server."""

import os
import re
import secrets
import stat
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psycopg

from etl.errors import DatabaseError

BYTES = 24
# How long the server may take to read its rules again.
SECONDS_TO_TAKE_EFFECT = 10
SECONDS_BETWEEN = 0.05

BEGINS = "# Written by `etl serve`: these let nobody in without a password, by whatever way."
RULE = "local all {roles} scram-sha-256"


def of_role(folder: Path, role: str) -> tuple[Path, str]:
    """Return the file of a role's password and what it holds; it is made up where there is none.

    Raise DatabaseError where others than this user may read it, or it cannot be read or written.
    """
    file = folder / f"{role}.password"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not file.exists():
            _make_up(file)
        found = file.stat()
        password = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DatabaseError(f"The password in {file} cannot be read or written: {error}.") from error
    if found.st_mode & (stat.S_IRWXG | stat.S_IRWXO) or found.st_uid != os.geteuid():
        raise DatabaseError(
            f"{file} holds a password, and others may read it. Delete the file and run again: that makes a new one."
        )
    if not password:
        raise DatabaseError(f"{file} is empty. Delete the file and run again: that makes a new password.")
    return file, password


def _make_up(file: Path) -> None:
    """Write a new password; of two processes that come here at once, one does."""
    number, beside = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # for this user alone
    try:
        with os.fdopen(number, "w", encoding="ascii") as new:
            new.write(secrets.token_urlsafe(BYTES) + "\n")
        with suppress(FileExistsError):
            os.link(beside, file)
    finally:
        Path(beside).unlink()


def demand(url: str, roles: tuple[str, ...], role: str, password: str) -> None:
    """Have the server let roles in by their passwords only, and find out that it does.

    url: the owner's way in. role, password: whose is tried. Raise DatabaseError where the server does otherwise.
    """
    with psycopg.connect(url, autocommit=True) as owner:
        (path,) = owner.execute("SHOW hba_file").fetchone() or ("",)
        if _put_first(Path(path), RULE.format(roles=",".join(roles))):
            owner.execute("SELECT pg_catalog.pg_reload_conf()")
    end = time.monotonic() + SECONDS_TO_TAKE_EFFECT
    while _lets_in(url, role, secrets.token_urlsafe(BYTES)):
        if time.monotonic() > end:
            raise DatabaseError(
                f"PostgreSQL lets {role} in with any password, whatever {path} says. Nothing is opened."
            )
        time.sleep(SECONDS_BETWEEN)
    if not _lets_in(url, role, password):
        raise DatabaseError(f"PostgreSQL does not let {role} in with its own password; its log may tell why.")


def _put_first(file: Path, rule: str) -> bool:
    """Put a rule before all others, as the first that fits counts; return whether it was not there already."""
    text = file.read_text(encoding="utf-8")
    others = re.sub(f"^{re.escape(BEGINS)}\n.*\n", "", text, flags=re.MULTILINE)
    if text == f"{BEGINS}\n{rule}\n{others}":
        return False
    number, beside = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(number, "w", encoding="utf-8") as new:
        new.write(f"{BEGINS}\n{rule}\n{others}")
    found = file.stat()
    if os.geteuid() == 0:  # then PostgreSQL is another user
        os.chown(beside, found.st_uid, found.st_gid)
    Path(beside).chmod(stat.S_IMODE(found.st_mode))
    Path(beside).replace(file)
    return True


def _lets_in(url: str, role: str, password: str) -> bool:
    try:
        psycopg.connect(url, user=role, password=password, connect_timeout=SECONDS_TO_TAKE_EFFECT).close()
    except psycopg.OperationalError:
        return False
    return True
