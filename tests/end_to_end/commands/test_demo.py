"""`etl demo` on a database that is there: its own of yesterday, and that of another version of etl."""

import json

from tests.etl_process import RunEtl

# What would be in the way: the schemas, and a revision that is no more.
LEFT = """
    CREATE SCHEMA helpdesk; CREATE SCHEMA bi; CREATE SCHEMA etl_jobs;
    CREATE TABLE helpdesk.conversations (number bigint);
    CREATE VIEW bi.conversations AS TABLE helpdesk.conversations;
    CREATE TABLE helpdesk.alembic_version AS SELECT '0005' AS version_num;
"""


def test_the_demo_begins_again_on_the_tables_of_a_version_that_it_does_not_know(etl: RunEtl) -> None:
    made = etl("psql", "--demo", "-c", LEFT)
    assert made.returncode == 0, made.stderr
    done = etl("demo", "--conversations", "20", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["conversations"]["inserted"] == 19
    # Another port of this machine is no other server.
    again = etl("demo", "--conversations", "20", CALLED_AS="docker compose run --rm demo")
    assert again.returncode == 0, again.stderr
    assert " proof          what changed was read, and the vendor's counts of the four statuses agree" in again.stdout
    assert "\nTo look further   docker compose run --rm demo psql --demo\nA quiet night " in again.stdout
    assert "serve --demo" not in again.stdout
