"""contract

What the vendor sends, field by field, so that a run sees when it is no longer sent, or in another kind.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0007_contract"
down_revision: str | None = "0006_askers"

SCHEMA = "helpdesk"
READ_WHOLE = (
    "When the history was last read whole: for this mark, or since then by a patrol, an audit or a reread"
    " (UTC); NULL: never"
)
READ_FOR_ITS_MARK = "When the history was read for this mark (UTC); NULL: never completely"


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_contract",
        sa.Column(
            "account_id",
            sa.BigInteger,
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("entity", sa.Text, nullable=False, comment="conversation, message, contact, inbox ..."),
        sa.Column("path", sa.Text, nullable=False, comment="The field, by the vendor's names, dots between them"),
        sa.Column(
            "kinds",
            postgresql.ARRAY(sa.Text),
            nullable=False,
            comment="Kinds of its values: null, boolean, integer, number, text, object, array; gone, accepted",
        ),
        sa.Column(
            "records",
            sa.BigInteger,
            nullable=False,
            comment="How many records the share is of: those of the last runs",
        ),
        sa.Column(
            "share",
            sa.Double,
            nullable=False,
            comment="In which part of them the field told something, from 0 to 1",
        ),
        sa.Column("taken", sa.Boolean, nullable=False, comment="Whether a column, or another table, holds it"),
        sa.Column(
            "first_run_id",
            sa.BigInteger,
            nullable=False,
            comment="The first run that met it",
        ),
        sa.Column("last_run_id", sa.BigInteger, nullable=False, comment="The last run that met it"),
        sa.ForeignKeyConstraint(["account_id"], [f"{SCHEMA}.accounts.account_id"], name="api_contract_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "entity", "path", name="api_contract_pkey"),
        schema=SCHEMA,
        comment="What the vendor sends: a field a row, as the runs have met it; values are not kept.",
    )
    op.alter_column("conversations", "history_read_at", comment=READ_WHOLE, schema=SCHEMA)


def downgrade() -> None:
    """Take back."""
    op.alter_column("conversations", "history_read_at", comment=READ_FOR_ITS_MARK, schema=SCHEMA)
    op.drop_table("api_contract", schema=SCHEMA)
