"""jobs"""

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from etl.load.upsert import psycopg_of

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

PROCRASTINATE = Path(__file__).resolve().parent.parent / "procrastinate_3_10.sql"
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
    op.create_table(
        "sync_parts",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The run that was cut"),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False, comment="Which part, from 1"),
        sa.Column("walk", sa.Text(), nullable=False, comment="The status that is walked"),
        sa.Column("first_page", sa.BigInteger(), nullable=False, comment="The first of its pages"),
        sa.Column(
            "last_page",
            sa.BigInteger(),
            nullable=True,
            comment="The last of its pages; NULL: all up to the empty one that ends the walk",
        ),
        sa.Column(
            "result",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What was read and saved, in numbers and ids; NULL until it is done",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            ["helpdesk.sync_runs.account_id", "helpdesk.sync_runs.run_id"],
            name=op.f("sync_parts_account_id_fkey"),
        ),
        sa.PrimaryKeyConstraint("account_id", "run_id", "number", name=op.f("sync_parts_pkey")),
        schema="helpdesk",
        comment="A part of a run that several workers share; there are rows only while it goes on.",
    )
    raw = psycopg_of(op.get_bind())
    # A schema of its own, so that none of its names meets one of the user's.
    raw.execute("CREATE SCHEMA etl_jobs")
    raw.execute("SET LOCAL search_path = etl_jobs")
    raw.execute(PROCRASTINATE.read_bytes())
    raw.execute(FIND_THEIR_OWN)
    raw.execute("SET LOCAL search_path TO DEFAULT")


def downgrade() -> None:
    """Take back."""
    op.execute("DROP SCHEMA etl_jobs CASCADE")
    op.drop_table("sync_parts", schema="helpdesk")
