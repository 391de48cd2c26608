"""personal data"""

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | Sequence[str] | None = None
depends_on: str | Sequence[str] | None = None

ACCOUNT = "The vendor's number of the account"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "accounts",
        sa.Column(
            "personal_data",
            sa.Text(),
            server_default="keep",
            nullable=False,
            comment="How personal data are stored: keep, hash or drop; `etl redact` changes it",
        ),
        schema="helpdesk",
    )
    op.add_column(
        "accounts",
        sa.Column(
            "personal_data_key",
            sa.Text(),
            nullable=True,
            comment="Fingerprint of the key of the hashes, from which it cannot be told; NULL: nothing is hashed",
        ),
        schema="helpdesk",
    )
    op.add_column(
        "conversations",
        sa.Column(
            "forgotten_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Since when its contact is forgotten, and nothing of what was written is kept (UTC)",
        ),
        schema="helpdesk",
    )
    op.add_column(
        "rejected_records",
        sa.Column(
            "conversation_id",
            sa.BigInteger(),
            nullable=True,
            comment="The conversation in which it came, where that can be read",
        ),
        schema="helpdesk",
    )
    op.create_table(
        "suppressed_contacts",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False, comment=ACCOUNT),
        sa.Column(
            "contact_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The contact; it need not be in the tables",
        ),
        sa.Column(
            "suppressed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Since when (UTC)",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["helpdesk.accounts.account_id"], name=op.f("suppressed_contacts_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("account_id", "contact_id", name=op.f("suppressed_contacts_pkey")),
        schema="helpdesk",
        comment="A contact of whom nothing personal is kept, now and in later runs: `etl forget`.",
    )
    op.create_table(
        "redactions",
        sa.Column("account_id", sa.BigInteger(), autoincrement=False, nullable=False, comment=ACCOUNT),
        sa.Column("table_name", sa.Text(), nullable=False, comment="The table"),
        sa.Column(
            "mode", sa.Text(), nullable=False, comment="How its personal data are stored when it is done: hash or drop"
        ),
        sa.Column(
            "key", sa.Text(), nullable=True, comment="Fingerprint of the key of the hashes; NULL: nothing is hashed"
        ),
        sa.Column(
            "position",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="Key of the last row that was rewritten; NULL: none was",
        ),
        sa.Column(
            "done",
            sa.Boolean(),
            server_default=sa.text("false"),
            nullable=False,
            comment="Whether the table is rewritten to its end",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["helpdesk.accounts.account_id"], name=op.f("redactions_account_id_fkey")
        ),
        sa.PrimaryKeyConstraint("account_id", "table_name", name=op.f("redactions_pkey")),
        schema="helpdesk",
        comment="How far `etl redact` has rewritten a table; there are rows only while it is not done, and no run begins.",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("redactions", schema="helpdesk")
    op.drop_table("suppressed_contacts", schema="helpdesk")
    op.drop_column("rejected_records", "conversation_id", schema="helpdesk")
    op.drop_column("conversations", "forgotten_at", schema="helpdesk")
    op.drop_column("accounts", "personal_data_key", schema="helpdesk")
    op.drop_column("accounts", "personal_data", schema="helpdesk")
