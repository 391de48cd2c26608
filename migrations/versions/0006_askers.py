"""askers

What is forbidden is forbidden to a token: another one, or the same with other rights, asks at once.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0006_askers"
down_revision: str | None = "0005_readings"

SCHEMA = "helpdesk"
TOLD = "Digest of the token and its role that may not see it; NULL: not forbidden, or before this was kept"


def upgrade() -> None:
    """Apply."""
    op.add_column("conversation_ledger", sa.Column("asker", sa.Text, comment=TOLD), schema=SCHEMA)


def downgrade() -> None:
    """Take back."""
    op.drop_column("conversation_ledger", "asker", schema=SCHEMA)
