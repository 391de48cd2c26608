"""unseen

Of which conversations in the tables a run is no witness, whether that was accepted or not.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0016_unseen"
down_revision: str | None = "0015_acceptances"

SCHEMA = "helpdesk"
UNSEEN = sa.Column(
    "unseen",
    postgresql.JSONB(none_as_null=True),
    comment="Conversations in the tables that it could not see (an array of their ids, as texts); NULL: it saw all",
)


def upgrade() -> None:
    """Apply."""
    op.add_column("sync_runs", UNSEEN, schema=SCHEMA)
    op.execute(
        """
        UPDATE helpdesk.sync_runs
        SET unseen = coalesce(known -> 'conversation', '[]') || coalesce(known -> 'forbidden', '[]')
        WHERE known ? 'conversation' OR known ? 'forbidden'
        """
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("sync_runs", "unseen", schema=SCHEMA)
