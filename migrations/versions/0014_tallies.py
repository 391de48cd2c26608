"""tallies

What a run that goes on has saved, counted in the transactions that save it: so a run that was killed has its counts,
and one that is shared counts what was saved by workers that died.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0014_tallies"
down_revision: str | None = "0013_sums"

SCHEMA = "helpdesk"
COUNTS = "By table: rows seen, inserted, updated, unchanged"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "sync_tallies",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The run, which goes on"),
        sa.Column(
            "part",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="Which part of it that workers share; 0: what it saves itself",
        ),
        sa.Column(
            "attempt",
            sa.BigInteger(),
            nullable=False,
            comment="How many attempts at it were begun; only the last one may save anything",
        ),
        sa.Column(
            "tally",
            postgresql.JSONB(none_as_null=True),
            nullable=False,
            comment="What all attempts have saved, in numbers and ids",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            [f"{SCHEMA}.sync_runs.account_id", f"{SCHEMA}.sync_runs.run_id"],
            name="sync_tallies_account_id_run_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "run_id", "part", name="sync_tallies_pkey"),
        schema=SCHEMA,
        comment="What a run has saved so far, itself and in each part, counted in the transactions that save it.",
    )
    _describe_counts(f"{COUNTS}; of a run that was killed, what it had saved")


def downgrade() -> None:
    """Take back."""
    _describe_counts(COUNTS)
    op.drop_table("sync_tallies", schema=SCHEMA)


def _describe_counts(comment: str) -> None:
    op.alter_column("sync_runs", "counts", comment=comment, existing_type=postgresql.JSONB(), schema=SCHEMA)
