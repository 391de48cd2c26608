"""What all tables share: the schema, the revision, keys that begin with the account, and who was first synced when."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    DateTime,
    ForeignKeyConstraint,
    MetaData,
    Text,
    func,
)
from sqlalchemy.dialects.postgresql import ARRAY, DOUBLE_PRECISION, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.sql.naming import conv

# The migration that makes these tables.
REVISION = "0016_unseen"


SCHEMA = "helpdesk"


# Column.info key: the upsert saves this column along with the others, but a difference in it alone rewrites no row.
NOT_COMPARED = "not compared"


column = mapped_column


class Base(DeclarativeBase):
    """What all tables share: the schema, the names of constraints, and how Python's types are stored."""

    metadata = MetaData(
        schema=SCHEMA,
        naming_convention={
            "pk": "%(table_name)s_pkey",
            "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
            "ix": "%(table_name)s_%(column_0_N_name)s_idx",
            "uq": "%(table_name)s_%(column_0_N_name)s_key",
            "ck": "%(table_name)s_%(constraint_name)s_check",
        },
    )
    type_annotation_map = {  # noqa: RUF012 -- SQLAlchemy reads it as a plain class attribute
        int: BigInteger,
        float: DOUBLE_PRECISION,
        str: Text,
        datetime: DateTime(timezone=True),
        list[str]: ARRAY(Text),
        list[Any]: JSONB(none_as_null=True),
        # Without this None would be stored as the JSON value null.
        dict[str, Any]: JSONB(none_as_null=True),
    }


class OfAccount:
    """The first key column of every table."""

    account_id: Mapped[int] = column(
        primary_key=True, autoincrement=False, sort_order=-2, comment="The vendor's number of the account"
    )


class Entity(OfAccount):
    """What every table filled from payloads has beside its own columns."""

    extra: Mapped[dict[str, Any] | None] = column(
        sort_order=1, comment="What the vendor sent and no column holds, by the vendor's names; NULL when nothing"
    )
    first_synced_at: Mapped[datetime] = column(
        sort_order=1, server_default=func.now(), comment="When a run first saved the row (UTC)"
    )
    changed_at: Mapped[datetime] = column(
        sort_order=1, server_default=func.now(), comment="When something else in the row last changed (UTC)"
    )


def number_of(what: str) -> Any:
    """Declare the second key column `id`, the vendor's number."""
    return column(primary_key=True, autoincrement=False, sort_order=-1, comment=f"The vendor's number of the {what}")


def refers_to_bot(table: str, bot_type: str, bot: str) -> ForeignKeyConstraint:
    """Declare a foreign key to a bot, whose number is its own within its type only."""
    # By the name that all columns make it would be longer than PostgreSQL lets it be.
    return ForeignKeyConstraint(
        ["account_id", bot_type, bot],
        [f"{SCHEMA}.bots.{name}" for name in ("account_id", "type", "id")],
        name=conv(f"{table}_{bot.removesuffix('_id')}_fkey"),
    )


def refers_to(table: str, *columns: str, key: str = "id") -> ForeignKeyConstraint:
    """Declare a foreign key to a table's account_id and key, or to its account alone."""
    return ForeignKeyConstraint(
        ["account_id", *columns], [f"{SCHEMA}.{table}.{name}" for name in ("account_id", key)[: 1 + len(columns)]]
    )
