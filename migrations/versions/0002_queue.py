"""queue"""

import re
from importlib.resources import files

from alembic import op

revision: str = "0002_queue"
down_revision: str | None = "0001_tables"

# Of procrastinate's migrations the last one that this revision applies: of 3.10. Later ones are a later revision's.
LAST = "03.04.00_50_post_add_retry_failed_job_procedure.sql"

# All is one transaction, and PostgreSQL before 17 uses no value in the transaction that added it to a type: these have
# all their values from the beginning.
TYPES = """
    CREATE TYPE procrastinate_job_status AS ENUM
        ('todo', 'doing', 'succeeded', 'failed', 'cancelled', 'aborting', 'aborted');
    CREATE TYPE procrastinate_job_event_type AS ENUM
        ('deferred', 'started', 'deferred_for_retry', 'failed', 'succeeded', 'cancelled', 'abort_requested', 'aborted',
         'scheduled', 'retried');
"""
# What makes these types in the files; and the extension plpgsql, which is everywhere, though not all servers let it be made.
LEFT_OUT = re.compile(r"CREATE TYPE \w+ AS ENUM [^;]*;|ALTER TYPE \w+ ADD VALUE [^;]*;|CREATE EXTENSION [^;]*;")

# Its functions name tables without their schema; so they work for whoever calls them, by hand too.
FIND_THEIR_OWN = """
    DO $$ DECLARE one regprocedure; BEGIN
        FOR one IN SELECT oid FROM pg_proc WHERE pronamespace = 'etl_jobs'::regnamespace LOOP
            EXECUTE format('ALTER FUNCTION %s SET search_path = etl_jobs', one);
        END LOOP;
    END $$
"""


def upgrade() -> None:
    """Apply."""
    # A schema of its own, so that none of its names meets one of the user's.
    execute("CREATE SCHEMA etl_jobs")
    execute("SET LOCAL search_path = etl_jobs")
    execute(TYPES)
    for statements in up_to(LAST):
        execute(LEFT_OUT.sub("", statements))
    execute(FIND_THEIR_OWN)
    execute("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    """Take back."""
    execute("DROP SCHEMA etl_jobs CASCADE")


def up_to(last: str) -> list[str]:
    """Return procrastinate's migrations, in the order of their names, which begin with its versions."""
    folder = files("procrastinate") / "sql" / "migrations"
    names = sorted(one.name for one in folder.iterdir() if one.name.endswith(".sql"))
    return [(folder / name).read_text(encoding="utf-8") for name in names[: names.index(last) + 1]]


def execute(statements: str) -> None:
    """Execute statements as they stand: a colon or a percent sign in them is no parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
