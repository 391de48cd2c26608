"""targets

What an account promises: its service level targets, which a run takes from a file.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0012_targets"
down_revision: str | None = "0011_cheap_nights"

SCHEMA = "helpdesk"
FILTERS = {
    "inbox": "Names or numbers of the inboxes that it is for; NULL: all",
    "team": "Names or numbers of the teams; NULL: all, and none",
    "priority": "Priorities; NULL: all, and none",
    "channel": "Kinds of channel as the views name them; NULL: all",
    "label": "Titles or numbers of labels, of which a conversation has one; NULL: all, and none",
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "targets",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("name", sa.Text(), nullable=False, comment="What it is called"),
        sa.Column("valid_from", sa.Date(), nullable=False, comment="From which day on, in the account's time zone"),
        sa.Column("what", sa.Text(), nullable=False, comment="first_reply, next_reply or resolution"),
        sa.Column("within_seconds", sa.BigInteger(), nullable=False, comment="Within how many seconds"),
        sa.Column(
            "time", sa.Text(), nullable=False, comment="business (only the inbox's working hours count) or calendar"
        ),
        sa.Column(
            "unseen",
            sa.Text(),
            nullable=False,
            comment="What is taken for what no run had seen by then: not_known, or as_next_seen (as the next run saw it)",
        ),
        *(
            sa.Column(name, postgresql.JSONB(none_as_null=True), nullable=True, comment=comment)
            for name, comment in FILTERS.items()
        ),
        sa.ForeignKeyConstraint(["account_id"], [f"{SCHEMA}.accounts.account_id"], name="targets_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "name", "valid_from", name="targets_pkey"),
        schema=SCHEMA,
        comment="A service level target from one day on, until the next one of its name begins (ETL_TARGETS).",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("targets", schema=SCHEMA)
