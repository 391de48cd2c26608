"""Keep a small database of this version, which later versions must be able to upgrade: `make keep-dump`.

It holds two nights of a made-up account, in which something happened, and a record that was rejected; without views and
queue, which every version makes anew. tests/integration/database/test_kept_dumps.py upgrades all that are kept.
"""

import gzip
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

from etl.database import embedded, migrate
from etl.database.engine import make_engine
from etl.demo.events import add_message, delete_conversation
from etl.demo.generate import generate
from tests.dumps import dump
from tests.scripted_account import change_messages, job, now

ROOT = Path(__file__).parents[1]
FOLDER = Path(__file__).with_name("kept_dumps")
REJECTED = 9


def without_its_time(message: dict[str, Any]) -> None:
    """Have one message say no time, so that it is rejected."""
    if message["id"] == REJECTED:
        message["created_at"] = None


def keep(folder: Path, file: Path) -> None:
    """Make the database by an embedded server in a folder, and dump it."""
    url = embedded.start(folder, "kept")
    engine = make_engine(url)
    migrate.migrate(engine)
    account = generate(24, ties=0.2)
    with job(account, engine, change_messages(without_its_time)) as night:
        night.run()
        add_message(account, 3, "And one more thing", now())
        delete_conversation(account, 7)
        night.run()
    engine.dispose()
    plain = dump(url, folder / "kept.dump", "--schema=helpdesk", "--no-owner", "--no-privileges", "--compress=0")
    file.write_bytes(
        gzip.compress(plain.read_bytes(), mtime=0)
    )  # the definitions, too, which pg_dump leaves as they are


if __name__ == "__main__":
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    with tempfile.TemporaryDirectory(prefix="etl-kept-") as folder:
        kept = FOLDER / f"{version}.dump.gz"
        keep(Path(folder), kept)
    sys.stdout.write(f"{kept.relative_to(ROOT)}: {kept.stat().st_size:,} bytes\n")
