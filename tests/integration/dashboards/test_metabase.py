"""Brings the dashboard into a Metabase that answers as its documents say, and looks at what is there afterwards.

No Metabase is here: that it draws what it is sent has not been seen. What is asked of the views is held to the
dashboard for Superset by tests/integration/views/test_metabase_questions.py.
"""

import copy
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from etl.demo.server import Answer, serve
from tests.metabase_server import KEY, served
from tests.waits import LONGEST

ROOT = Path(__file__).parents[3]
METABASE = ROOT / "bi" / "metabase"
URL = "postgresql://reader:s3cret-4wVn@db.example.com:6432/etl?sslmode=require"
OURS = {"METABASE_URL", "METABASE_API_KEY", "METABASE_DATABASE", "BI_DATABASE_URL", "ETL_LANGUAGE"}
QUESTIONS, OFFERS, HEADINGS = 39, 4, 9


@pytest.fixture(scope="module")
def scripts():
    """The scripts of bi/metabase, as they import each other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "bi" / "superset")
        patch.syspath_prepend(METABASE)
        yield importlib.import_module("apply")


@pytest.fixture
def server():
    with served() as metabase:
        yield metabase


def environment(server, changes: dict) -> dict[str, str]:
    variables = {"METABASE_URL": server.address, "METABASE_API_KEY": KEY, "BI_DATABASE_URL": URL} | changes
    return {name: one for name, one in variables.items() if one is not None}


@pytest.fixture
def bring(server, scripts, monkeypatch):
    """Bring the dashboard into the server, with another environment where it is said; return what is told of it."""

    def apply(**changes: str | None) -> str:
        monkeypatch.setenv("ETL_LANGUAGE", changes.pop("ETL_LANGUAGE", ""))
        told = scripts.apply(environment(server, changes))
        assert told.startswith(f"{server.address}/dashboard/")
        return told.partition(": ")[2]

    return apply


def run(server, **changes: str | None) -> subprocess.CompletedProcess:
    """Run the script as `make metabase` does, with another environment where it is said."""
    kept = {name: one for name, one in os.environ.items() if name not in OURS}
    command = [sys.executable, METABASE / "apply.py"]
    given = kept | environment(server, changes)
    return subprocess.run(command, check=False, env=given, capture_output=True, text=True, timeout=LONGEST)


def contents(server) -> tuple:
    return copy.deepcopy((server.databases, server.collections, server.cards, server.dashboards))


def dashboard(server) -> dict:
    (found,) = server.dashboards.values()
    return found


def card(server, name: str) -> dict:
    (found,) = (one for one in server.cards.values() if one["name"] == name)
    return found


@pytest.mark.long
def test_everything_is_made_in_an_empty_metabase(server):
    done = run(server)
    (found,) = server.dashboards
    told = f"{server.address}/dashboard/{found}: 45 made, 0 changed, 0 as they were; every question answers.\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", told)
    assert [one["name"] for one in server.collections.values()] == ["Helpdesk"]
    assert len(server.cards) == QUESTIONS + OFFERS
    assert len(dashboard(server)["dashcards"]) == QUESTIONS + HEADINGS
    assert {one["card_id"] for one in dashboard(server)["dashcards"]} - {None} == {
        number for number, one in server.cards.items() if one["name"] not in {"Account", "Inbox", "Team", "Agent"}
    }


@pytest.mark.long
def test_a_second_time_changes_nothing(server, bring):
    bring()
    before = contents(server)
    server.changes.clear()
    told = bring()
    assert told == "0 made, 0 changed, 45 as they were; every question answers."
    assert server.changes == []
    assert contents(server) == before


def test_a_question_and_its_place_are_what_the_api_takes(server, bring):
    bring()
    found = card(server, "Unanswered")
    filters = {
        "account": "number/=",
        "from": "date/single",
        "until": "date/single",
        "inbox": "string/=",
        "team": "string/=",
    }
    assert {one["slug"]: one["type"] for one in found["parameters"]} == filters
    shown = found["visualization_settings"]["column_settings"]['["name","unanswered_share"]']
    assert found["display"] == "scalar"
    assert shown == {"column_title": "Unanswered", "number_style": "percent", "decimals": 1}
    (place,) = (one for one in dashboard(server)["dashcards"] if one["card_id"] == found["id"])
    assert [place[name] for name in ("row", "col", "size_x", "size_y")] == [24, 0, 4, 6]
    assert place["parameter_mappings"] == [
        {"parameter_id": name, "card_id": found["id"], "target": ["variable", ["template-tag", name]]}
        for name in filters
    ]


def test_a_filter_offers_what_its_own_question_finds(server, bring):
    bring()
    listed = {one["id"]: one for one in dashboard(server)["parameters"]}
    assert [one["name"] for one in listed.values()] == ["Account", "From day", "Until day", "Inbox", "Team", "Agent"]
    assert listed["inbox"]["values_source_config"] == {
        "card_id": card(server, "Inbox")["id"],
        "value_field": ["field", "inbox", {"base-type": "type/Text"}],
    }
    kind = {"type": "date/single", "sectionId": "date"}
    assert listed["from"] == {"id": "from", "name": "From day", "slug": "from"} | kind


def test_the_database_is_made_from_its_address_with_schema_bi_alone(server, bring):
    bring()
    assert list(server.databases.values()) == [
        {
            "id": 1,
            "name": "Helpdesk",
            "engine": "postgres",
            "details": {
                "host": "db.example.com",
                "port": 6432,
                "dbname": "etl",
                "user": "reader",
                "password": "s3cret-4wVn",
                "ssl": True,
                "schema-filters-type": "inclusion",
                "schema-filters-patterns": "bi",
            },
        }
    ]


def test_a_database_that_is_there_is_taken_as_it_is(server, bring):
    server.databases[77] = {"id": 77, "name": "Support", "engine": "postgres", "details": {"host": "elsewhere"}}
    bring(METABASE_DATABASE="Support", BI_DATABASE_URL=None)
    assert list(server.databases) == [77]
    assert {one["dataset_query"]["database"] for one in server.cards.values()} == {77}


@pytest.mark.long
def test_another_language_puts_its_texts_over_the_others_and_makes_nothing_twice(server, bring):
    bring()
    told = bring(ETL_LANGUAGE="he")
    assert told == "0 made, 45 changed, 0 as they were; every question answers."
    assert dashboard(server)["name"] == "מוקד שירות"
    assert [one["name"] for one in dashboard(server)["parameters"]] == [
        "חשבון",
        "מיום",
        "עד יום",
        "תיבה",
        "צוות",
        "נציג",
    ]
    assert "'1 Monday'" not in card(server, "מתי לקוחות כותבים")["sql"]
    assert len(server.cards) == QUESTIONS + OFFERS
    assert len(dashboard(server)["dashcards"]) == QUESTIONS + HEADINGS


@pytest.mark.long
def test_what_people_have_added_stays_and_what_is_ours_is_put_back(server, bring):
    bring()
    (number, board), ours = next(iter(server.dashboards.items())), card(server, "Opened")
    collection = board["collection_id"]
    theirs = {"id": 900, "name": "Theirs", "collection_id": collection, "display": "table", "sql": "SELECT 1"}
    server.cards[900] = theirs
    at = {"row": 120, "col": 0, "size_x": 24, "size_y": 5, "visualization_settings": {"text": "A note"}}
    server.new_dashcard(number, at | {"card_id": None, "parameter_mappings": []})
    server.new_dashcard(number, at | {"card_id": 900, "parameter_mappings": []})
    board["parameters"].append({"id": "x", "name": "Theirs", "slug": "x", "type": "string/="})
    added = copy.deepcopy(board["dashcards"][-2:])
    ours["display"] = "table"
    told = bring()
    assert told == "0 made, 1 changed, 44 as they were; every question answers."
    assert (ours["id"], server.cards[ours["id"]]["display"], server.cards[900]) == (ours["id"], "scalar", theirs)
    assert [one for one in dashboard(server)["dashcards"] if one in added] == added
    assert dashboard(server)["parameters"][-1]["id"] == "x"


@pytest.mark.long
def test_a_dashboard_with_tabs_keeps_them(server, bring):
    bring()
    board = dashboard(server)
    board["tabs"] = [{"id": 5, "name": "First"}, {"id": 6, "name": "Second"}]
    for one in board["dashcards"]:
        one["dashboard_tab_id"] = 6
    gone = board["dashcards"].pop()
    bring()
    found = dashboard(server)
    assert [one["name"] for one in found["tabs"]] == ["First", "Second"]
    assert {one["dashboard_tab_id"] for one in found["dashcards"] if one["card_id"] != gone["card_id"]} == {6}
    assert [one["dashboard_tab_id"] for one in found["dashcards"] if one["card_id"] == gone["card_id"]] == [5]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"METABASE_API_KEY": "wrong"},
            "Metabase refused GET /api/database (401): METABASE_API_KEY has to be a key of",
        ),
        ({"METABASE_API_KEY": None}, "Metabase refused GET /api/database (401): METABASE_API_KEY has to be a key of"),
        ({"METABASE_URL": "http://127.0.0.1:9"}, "Metabase cannot be reached at http://127.0.0.1:9: "),
        ({"METABASE_URL": "metabase"}, "Metabase cannot be reached at metabase: "),
        ({"BI_DATABASE_URL": None}, "Metabase has no database Helpdesk: name one in METABASE_DATABASE, or give its"),
        ({"BI_DATABASE_URL": "s3cret-4wVn"}, "BI_DATABASE_URL is no address such as postgresql://reader:"),
        ({"ETL_LANGUAGE": "fr"}, "ETL_LANGUAGE=fr: the dashboard has texts in en, he only"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence_and_nothing_is_made(
    changes, said, server, scripts, monkeypatch, capsys
):
    """That such a sentence goes to standard error, with exit code 1, the next test shows by a process."""
    for name in OURS:
        monkeypatch.delenv(name, raising=False)
    for name, one in environment(server, changes).items():
        monkeypatch.setenv(name, one)
    with pytest.raises(SystemExit) as end:
        scripts.main()
    told = end.value.code
    assert (capsys.readouterr(), server.changes) == (("", ""), [])
    assert told.startswith(said)
    assert not [secret for secret in (KEY, "s3cret-4wVn") if secret in told]


@pytest.mark.long
def test_a_database_that_cannot_read_the_views_is_refused_before_anything_is_made(server):
    server.unanswerable["bi.sync_health"] = "permission denied for schema bi"
    done = run(server)
    assert (done.returncode, server.changes, server.cards) == (1, ["POST /api/database"], {})
    assert done.stderr.startswith("Metabase's database Helpdesk cannot read the views of schema bi: permission denied")


@pytest.mark.long
def test_a_question_that_metabase_cannot_answer_is_named_and_is_no_success(server):
    server.unanswerable["bi.csat"] = "relation bi.csat does not exist"
    done = run(server)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        f"Metabase cannot answer {name!r}{how}: relation bi.csat does not exist"
        for name in ("Satisfaction: what was said", "Satisfaction: answers by rating", "Satisfied")
        for how in ("", " with its filters")
    ]


@pytest.mark.long
def test_a_question_that_metabase_cannot_answer_with_filters_alone_is_no_success_either(server):
    server.unanswerable["-- until=2026-01-31"] = "cannot cast"
    done = run(server)
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 34
    assert "Metabase cannot answer 'Opened' with its filters: cannot cast" in done.stderr


def test_a_key_is_sent_to_no_other_address(server):
    with serve(lambda _: Answer(302, headers={"Location": f"{server.address}/api/database"})) as elsewhere:
        done = run(server, METABASE_URL=elsewhere)
    assert (done.returncode, server.changes) == (1, [])
    assert done.stderr.startswith(
        f"Metabase at {elsewhere} leads on to {server.address}/api/database: set METABASE_URL"
    )


def test_a_database_of_another_kind_is_refused(server):
    server.databases[1] = {"id": 1, "name": "Helpdesk", "engine": "mysql", "details": {}}
    done = run(server)
    told = "The database Helpdesk in Metabase is none of PostgreSQL: name another in METABASE_DATABASE.\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_without_an_address_it_says_what_to_do(server):
    done = run(server, METABASE_URL=None)
    assert (done.returncode, done.stderr, server.changes) == (0, "", [])
    assert done.stdout.startswith("Set METABASE_URL and METABASE_API_KEY to bring the dashboard into a Metabase")
