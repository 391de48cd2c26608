"""The embedded server and whose it is: several users of one machine, root among them, locks, what fails and is told."""

import fcntl
import os
import pwd
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from etl.database import cluster, embedded, folder_lock, server_user
from etl.errors import DatabaseError
from tests.conftest import new_folder
from tests.databases import plain, query
from tests.etl_process import end_server

OTHER = "nobody"
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")


def as_other(act: Callable[[], object]) -> str:
    """Do something as another user, in a process of its own that can read what this one has read already."""
    told, tells = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of threads: none of them holds anything that the child needs
        child = os.fork()
    if not child:
        try:
            user = pwd.getpwnam(OTHER)
            os.chdir("/")
            os.setgroups([])
            os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
            os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
            embedded._used.clear()  # what the parent uses is not the child's
            said = str(act())
            embedded.stop()
        except BaseException as error:  # noqa: BLE001 -- whatever it is, is what the test compares
            said = f"{type(error).__name__}: {error}"
        os.write(tells, said.encode())
        os._exit(0)
    os.close(tells)
    os.waitpid(child, 0)
    with os.fdopen(told) as end:
        return end.read()


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder in which every user may make one of their own, as in /home."""
    folder = Path(new_folder())
    folder.chmod(0o755)
    yield folder / "home"
    embedded.stop()
    if (folder / "home" / "postgresql.users").exists():
        end_server(folder / "home")


def postmaster(home: Path) -> str:
    return (home / "postgresql" / "postmaster.pid").read_text().split()[0]


@root_only
def test_roots_command_takes_the_server_from_no_other_user_and_both_share_it(home: Path) -> None:
    """`sudo etl migrate` comes first; what is there afterwards is the job's, and it goes on with it."""
    # Whoever was killed while they made the databases left them half made, and the next makes them anew.
    (home / "postgresql.new" / "base").mkdir(parents=True)
    home.chmod(0o700)
    user = pwd.getpwnam(OTHER)
    os.chown(home, user.pw_uid, user.pw_gid)
    url = embedded.start(home, "etl")
    assert [one.name for one in sorted(home.iterdir())] == ["postgresql", "postgresql.lock", "postgresql.users"]
    assert oct(home.stat().st_mode)[-3:] == "700"
    assert {one.owner() for one in (home, *home.iterdir(), home / "postgresql" / "log")} == {OTHER}
    first = postmaster(home)

    def act() -> list[object]:
        return [query(plain(embedded.start(home, "etl")), "SELECT current_database()"), postmaster(home)]

    assert as_other(act) == str([[("etl",)], first])
    assert query(plain(url), "SELECT 1") == [(1,)]  # who ended was not the last
    embedded.stop()
    assert not (home / "postgresql" / "postmaster.pid").exists()
    # A number that is another program's by now, as after a crash of the machine.
    (home / "postgresql" / "postmaster.pid").write_text(f"{os.getppid()}\n{home / 'postgresql'}\n0\n5432\n.\n\n")
    assert as_other(act).startswith("[[('etl',)], '")


@root_only
def test_what_is_another_users_is_said_to_be_with_what_to_do(home: Path) -> None:
    home.mkdir(mode=0o700)
    said = as_other(lambda: embedded.start(home, "etl"))
    assert said == (
        f"DatabaseError: The embedded PostgreSQL in {home}/postgresql does not start: [Errno 13] Permission denied:"
        f" '{home}/postgresql.lock'. It belongs to its user: {home} is user root's, and etl runs as user nobody. Run"
        " etl as its owner, or set ETL_HOME to a folder of your own."
    )


def test_a_lock_that_is_held_is_waited_for_and_its_holder_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder_lock, "LONGEST_WAIT", 0.1)
    home.mkdir()
    file = home / "postgresql.lock"
    with file.open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)
        holder.write("4711 2026-11-29 02:00:00 UTC")
        holder.flush()
        with pytest.raises(DatabaseError) as refused:
            embedded.start(home, "etl")
    assert str(refused.value) == (
        "The embedded PostgreSQL was not reached: process 4711, since 2026-11-29 02:00:00 UTC, starts or stops it, and"
        f" was not done in 0 seconds (lock {file}). Nothing was done. Wait for it or end it, and run again: the lock"
        " goes with its holder, there is no file to remove."
    )
    assert refused.value.__cause__ is None
    assert not (home / "postgresql").exists()


def test_the_words_of_initdb_are_told_and_no_log_that_is_not_there(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
    with pytest.raises(DatabaseError) as refused:
        embedded.start(home, "etl")
    assert "does not start: initdb: error: invalid locale settings" in str(refused.value)
    assert "log" not in str(refused.value)
    assert not (home / "postgresql").exists()


def test_a_full_disk_is_told_as_one(home: Path) -> None:
    home.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=0755", "tmpfs", str(home)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk to fill")
    try:
        with pytest.raises(DatabaseError) as refused:
            embedded.start(home, "etl")
        assert "No space left on device" in str(refused.value)
        assert str(refused.value).endswith(" The disk is full: free some space, and run again.")
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)


@root_only
def test_the_servers_user_is_made_with_the_path_that_cron_has(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"etl-{uuid4().hex[:8]}"
    monkeypatch.setattr(server_user, "NAME", name)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    home.mkdir()
    try:
        found = server_user.choose(home, home / "postgresql")
        assert found == {"user": pwd.getpwnam(name).pw_uid, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}
        assert server_user.choose(home, home / "postgresql") == found
    finally:
        subprocess.run(["/usr/sbin/userdel", name], check=False, capture_output=True)
    monkeypatch.setattr(server_user, "SBIN", "/nowhere")
    monkeypatch.setattr(server_user, "NAME", f"{name}-2")
    with pytest.raises(FileNotFoundError, match="there is no program useradd to make the user"):
        server_user.choose(home, home / "postgresql")


@pytest.mark.parametrize("name", ["a, b", "$HOME `id` \"q' %", "x" * 120])
def test_the_server_is_reached_by_any_path(home: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server is needed for it: where its socket is looked for, and by which path, is what may go wrong."""
    monkeypatch.setattr(cluster.tempfile, "gettempdir", lambda: str(home.parent))
    data = home / name / "postgresql"
    data.mkdir(parents=True)
    reached = cluster._reached_by(data)
    assert (len(str(reached / cluster.SOCKET)) <= cluster.LONGEST_ADDRESS, "," in str(reached)) == (True, False)
    assert reached.resolve() == data.resolve()
    assert not cluster._listens(data)
