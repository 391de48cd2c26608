"""Members, bots and campaigns as Chatwoot 2.15.0 and 4.15.1 answered them: the rows that come of them, as literals."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Account, Team
from etl.demo.server import Answer, Request, json_answer
from tests.recorded_vendor import recording
from tests.scripted_account import account_of, job

BEN, DANA, CELIK, EMOJI, ZOE, LIM = 2, 3, 4, 5, 6, 7
NAMES = {
    BEN: ("Ben Builder", "Benny", "agent0@example.com", "agent"),
    DANA: ("דנה לוי", "דנה לוי", "agent1@example.com", "agent"),
    CELIK: ('Çelik "Q" O\'Neil', 'Çelik "Q" O\'Neil', "agent2@example.com", "agent"),
    EMOJI: ("Emoji 🦊 Fox", "Emoji 🦊 Fox", "agent3@example.com", "agent"),
    # Has left the account, and is a member of the team all the same.
    ZOE: ("Zoë", "Zoë", "agent4@example.com", None),
    LIM: ("Lim Ited", "Lim Ited", "limited@example.com", "agent"),
}


def of_account_2() -> Account:
    account = account_of(1, number=2)
    account.teams, account.inboxes = {1: Team(1, "support")}, {1: account.inboxes[1]}
    return account


@pytest.mark.parametrize(("version", "behaviour", "provider"), [("2.15.0", "2.14", None), ("4.15.1", "2026", "email")])
def test_the_rows_are_those_that_the_server_tells(
    engine: Engine, version: str, behaviour: str, provider: str | None
) -> None:
    said: dict[str, Answer] = {
        one["request"]["path"]: json_answer(one["response"]["json"])
        for one in recording(f"{version}-members")
        if "json" in one["response"]
    }

    def change(request: Request, given: Answer) -> Answer:
        return said.get(request.path, given)

    def rows(query: str) -> list[tuple[Any, ...]]:
        return etl.rows(query)

    with job(of_account_2(), engine, change=change, behaviour=behaviour) as etl:
        run = etl.run(account_id=2)
        of_ours = {name for name in run.tally.unknown_fields if name.startswith(("agent", "bot", "campaign"))}
        assert (run.outcome, of_ours, run.tally.rejected) == ("complete", set(), 0)
        assert rows("SELECT team_id, agent_id, valid_to FROM team_members ORDER BY 2") == [
            (1, one, None) for one in (BEN, DANA, CELIK, EMOJI, ZOE)
        ]
        assert rows("SELECT inbox_id, agent_id, valid_to FROM inbox_members ORDER BY 2") == [
            (1, one, None) for one in (BEN, DANA, CELIK, EMOJI, LIM)
        ]
        assert rows("SELECT id, name, available_name, email, role FROM agents WHERE id > 2 ORDER BY id") == [
            (one, *NAMES[one]) for one in (DANA, CELIK, EMOJI, ZOE, LIM)
        ]
        assert rows(
            "SELECT availability_status, auto_offline, confirmed, provider, thumbnail, extra FROM agents"
            " WHERE id IN (3, 6) ORDER BY id"
        ) == [("offline", True, True, provider, "", None), (None, None, True, provider, "", None)]
        assert rows("SELECT type, id, name, description, bot_type, thumbnail, avatar_url, extra FROM bots") == [
            ("agent_bot", 1, "Botty 🤖", "d", "webhook", None if version == "2.15.0" else "", None, None)
        ]
        assert rows("SELECT count(*) FROM campaigns") == [(0,)]
