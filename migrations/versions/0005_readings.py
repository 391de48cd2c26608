"""readings

A digest by which the audit compares a text that is not stored, and an index that finds the oldest reading.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0005_readings"
down_revision: str | None = "0004_vendor_fields"

SCHEMA = "helpdesk"


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "messages",
        sa.Column(
            "content_digest",
            sa.Text,
            comment="Keyed digest of type and text, where the text is not kept (ETL_PII); else NULL",
        ),
        schema=SCHEMA,
    )
    op.create_index(
        "conversations_reading_idx",
        "conversations",
        ["account_id", sa.text("COALESCE(history_read_at, first_synced_at)")],
        schema=SCHEMA,
        postgresql_where=sa.text("deleted_at IS NULL"),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_index("conversations_reading_idx", "conversations", schema=SCHEMA)
    op.drop_column("messages", "content_digest", schema=SCHEMA)
