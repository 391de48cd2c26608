"""Who comes from 0015 keeps of which conversations a run is no witness."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.database import migrate
from tests.integration.database.test_owners_migration import at, put, rows

BEFORE = "0015_acceptances"
KNOWN: list[tuple[dict[str, list[str]] | None, list[str] | None]] = [
    (None, None),
    ({"contract": ["message.content"]}, None),
    ({"conversation": ["3"], "rejected": ["message:7"]}, ["3"]),
    ({"conversation": ["3"], "forbidden": ["4", "5"]}, ["3", "4", "5"]),
]


@pytest.mark.parametrize("times", [1, 2])
def test_what_runs_were_let_off_they_did_not_see(engine: Engine, times: int) -> None:
    migrate.migrate(engine, BEFORE)
    put(engine, "accounts", {"base_url": "https://x.example"})
    for number, (known, _) in enumerate(KNOWN, 1):
        run: dict[str, Any] = {"run_id": number, "kind": "sync", "outcome": "complete", "host": "old", "process_id": 7}
        put(engine, "sync_runs", run | {"started_at": at(number), "finished_at": at(number), "known": known})
    for _ in range(times):
        migrate.migrate(engine)
        assert rows(engine, "SELECT unseen FROM sync_runs ORDER BY run_id") == [(unseen,) for _, unseen in KNOWN]
        told = rows(engine, "SELECT unseen FROM whole_runs ORDER BY run_id")
        assert told == [(unseen or [],) for _, unseen in KNOWN]
        migrate.migrate(engine, BEFORE)
