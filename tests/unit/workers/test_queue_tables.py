"""The tables of the queue come by a migration of ours: they have to be those that the installed procrastinate wants."""

from importlib.resources import files
from pathlib import Path

COPIED = Path(__file__).parents[3] / "migrations" / "procrastinate_3_10.sql"


def test_the_queue_has_the_tables_of_the_procrastinate_that_is_installed():
    _, _, copied = COPIED.read_text(encoding="utf-8").partition("\n")
    assert copied == files("procrastinate").joinpath("sql", "schema.sql").read_text(encoding="utf-8")
