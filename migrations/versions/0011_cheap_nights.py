"""cheap nights

What a run that proves by counts has to know of the last one that walked every page, and what a run proved.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0011_cheap_nights"
down_revision: str | None = "0010_everything"

SCHEMA = "helpdesk"
OF_ACCOUNTS = (
    (
        "walked_at",
        sa.DateTime(timezone=True),
        "When the last complete run began that walked every page (UTC); NULL: none yet",
    ),
    (
        "walked_as",
        sa.Text(),
        "Fingerprint of the version, settings and token of that run: with others everything is walked again",
    ),
    (
        "names_read_at",
        sa.DateTime(timezone=True),
        "When the lists of names (agents, inboxes, members ...) were read last (UTC); NULL: never",
    ),
    (
        "edits_move_clock",
        sa.Boolean(),
        "Whether an edit of a message moves its conversation's updated_at on this server; NULL: not seen yet",
    ),
)
LOADED = ("Conversations seen by the run", "Conversations that the run saw, or proved to be there by counts")


def upgrade() -> None:
    """Apply."""
    for name, kind, comment in OF_ACCOUNTS:
        op.add_column("accounts", sa.Column(name, kind, nullable=True, comment=comment), schema=SCHEMA)
    op.add_column(
        "sync_runs",
        sa.Column(
            "proof",
            sa.Text(),
            nullable=True,
            comment="Why nothing is missing: walk (every page was read), or counts (what changed was read, and the"
            " vendor's four counts are those of the tables); NULL: neither, or only a selection was read",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "sync_runs",
        sa.Column(
            "sees_silent_moves",
            sa.Boolean(),
            nullable=True,
            comment="Whether it read also what moved without a message or somebody's doing; NULL: it read every page of"
            " what was selected",
        ),
        schema=SCHEMA,
    )
    _say_loaded(1)


def downgrade() -> None:
    """Take back."""
    op.drop_column("sync_runs", "sees_silent_moves", schema=SCHEMA)
    op.drop_column("sync_runs", "proof", schema=SCHEMA)
    for name, *_ in OF_ACCOUNTS:
        op.drop_column("accounts", name, schema=SCHEMA)
    _say_loaded(0)


def _say_loaded(which: int) -> None:
    """Say before (0) or after (1) which conversations a run has loaded."""
    op.alter_column("sync_runs", "loaded", comment=LOADED[which], existing_type=sa.BigInteger(), schema=SCHEMA)
