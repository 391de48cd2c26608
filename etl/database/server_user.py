"""As whom PostgreSQL runs where etl is root, which PostgreSQL refuses to be: the owner of its folder, or `pgserver`."""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import TypedDict

NAME = "pgserver"
# Where administrators' programs are, which cron's PATH leaves out.
SBIN = "/usr/local/sbin:/usr/sbin:/sbin"
SECONDS_TO_ADD_A_USER = 60


class AsUser(TypedDict, total=False):
    """What subprocess takes to run a program as another user."""

    user: int
    group: int
    extra_groups: list[int]


def choose(home: Path, data: Path) -> AsUser:
    """Return as whom the server of a home runs: nobody else, unless this process is root's.

    Data that are there, or a home, have an owner: that is who runs it, so that root may run a command of another user's
    without taking the server from them. Raise OSError or subprocess.SubprocessError when there is no user to be had.
    """
    if os.geteuid() != 0:
        return {}
    owners = [one.stat() for one in (data, home) if one.exists()]
    for owner in owners:
        if owner.st_uid != 0:
            return {"user": owner.st_uid, "group": owner.st_gid, "extra_groups": []}
    ours = _found() or _added()
    return {"user": ours.pw_uid, "group": ours.pw_gid, "extra_groups": []}


def give(folder: Path, to: AsUser) -> None:
    """Give a new folder to that user."""
    if to:
        os.chown(folder, to["user"], to["group"])


def let_through(folder: Path, user: AsUser) -> None:
    """Let that user get to a folder: those above it that are another user's become traversable for all."""
    for one in folder.resolve().parents:
        if one.stat().st_uid != user["user"]:
            _add(one, stat.S_IXGRP | stat.S_IXOTH)


def let_read(folder: Path, user: AsUser) -> None:
    """Let that user read what is in a folder, which a strict umask had kept from all, and run its programs."""
    let_through(folder, user)
    for place in (folder, *folder.rglob("*")):
        mode = place.lstat().st_mode
        if stat.S_ISLNK(mode):
            continue
        runs = stat.S_IXGRP | stat.S_IXOTH if mode & stat.S_IXUSR else 0
        _add(place, stat.S_IRGRP | stat.S_IROTH | runs)


def _add(place: Path, rights: int) -> None:
    mode = stat.S_IMODE(place.stat().st_mode)
    if mode & rights != rights:
        place.chmod(mode | rights)


def _found() -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        return None


def _added() -> pwd.struct_passwd:
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:{SBIN}")
    if program is None:
        raise FileNotFoundError(
            f"PostgreSQL does not run as root, and there is no program useradd to make the user {NAME}; run etl as"
            " another user"
        )
    command = [program, "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", NAME]
    done = subprocess.run(  # noqa: S603 -- the system's own useradd
        command, check=False, capture_output=True, text=True, timeout=SECONDS_TO_ADD_A_USER
    )
    if made := _found():  # by us, or by another process at the same time
        return made
    raise PermissionError(f"the user {NAME} cannot be made: {done.stderr.strip()}")
