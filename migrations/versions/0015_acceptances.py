"""acceptances

What is known not to be complete, and is no problem while it stays so; and of conversations that cannot be read, for how
many nights that has been so, and by what failure.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0015_acceptances"
down_revision: str | None = "0014_tallies"

SCHEMA = "helpdesk"
JSON = postgresql.JSONB(none_as_null=True)
OF_ENTRIES: tuple[sa.Column[Any], ...] = (
    sa.Column(
        "failure", sa.Text(), comment="What went wrong, in the job's own words; by them the same failure is known again"
    ),
    sa.Column(
        "nights", sa.BigInteger(), server_default="1", nullable=False, comment="On how many days it was found so (UTC)"
    ),
    sa.Column(
        "counted_as",
        sa.Text(),
        comment="Of one that cannot be read: the status in which the vendor counts it, or not counted; NULL: unknown",
    ),
)
KNOWN = sa.Column(
    "known", JSON, comment="What was accepted and stayed so: kind -> which (see acceptances); NULL: nothing"
)


def upgrade() -> None:
    """Apply."""
    for one in OF_ENTRIES:
        op.add_column("conversation_ledger", one, schema=SCHEMA)
    op.add_column("sync_runs", KNOWN, schema=SCHEMA)
    op.create_table(
        "acceptances",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("number", sa.BigInteger(), sa.Identity(), nullable=False, comment="Number of the acceptance"),
        sa.Column("kind", sa.Text(), nullable=False, comment="conversation, forbidden, rejected or contract"),
        sa.Column(
            "what",
            sa.Text(),
            nullable=False,
            comment="Which one: a conversation's id, entity:id of a record, or a field",
        ),
        sa.Column(
            "as_it_was",
            JSON,
            nullable=False,
            comment="How it was when it was accepted: what is otherwise is no longer known",
        ),
        sa.Column("reason", sa.Text(), comment="Why, as whoever accepted it wrote; NULL: personal data are not kept"),
        sa.Column("accepted_by", sa.Text(), nullable=False, comment="Who: the user of the machine and of the database"),
        sa.Column(
            "accepted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When (UTC)",
        ),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False, comment="Until when it counts (UTC)"),
        sa.Column("ended_at", sa.DateTime(timezone=True), comment="When it ended before that (UTC); NULL: it did not"),
        sa.Column("ended_why", sa.Text(), comment="Why it ended; NULL: it did not"),
        sa.ForeignKeyConstraint(["account_id"], [f"{SCHEMA}.accounts.account_id"], name="acceptances_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "number", name="acceptances_pkey"),
        schema=SCHEMA,
        comment="What is known not to be complete, and is no problem while it stays as it was accepted (etl accept).",
    )
    op.create_index(
        "acceptances_account_id_kind_what_idx",
        "acceptances",
        ["account_id", "kind", "what"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("acceptances", schema=SCHEMA)
    op.drop_column("sync_runs", "known", schema=SCHEMA)
    for one in OF_ENTRIES:
        op.drop_column("conversation_ledger", one.name, schema=SCHEMA)
