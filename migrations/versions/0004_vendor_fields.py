"""vendor_fields"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0004_vendor_fields"
down_revision: str | None = "0003_owners"

SCHEMA = "helpdesk"
Column = tuple[str, Any, str]

# Table -> columns that it gets, with their types and comments.
NEW: dict[str, tuple[Column, ...]] = {
    "conversations": (
        (
            "applied_sla",
            postgresql.JSONB(),
            "The service level, as sent: sla_status, sla_name ...",
        ),
        ("sla_events", postgresql.JSONB(), "What it missed of that, as sent"),
    ),
    "messages": (
        ("call_provider", sa.Text(), "Of a voice_call: who carried the call, such as twilio"),
        ("call_direction", sa.Text(), "Of a voice_call: incoming or outgoing"),
        ("call_status", sa.Text(), "Of a voice_call: completed, no_answer, failed ..., as sent"),
        ("call_duration_seconds", sa.BigInteger(), "Of a voice_call: how long it was"),
        ("call_end_reason", sa.Text(), "Of a voice_call: why it ended, as sent"),
    ),
    "attachments": (("content_type", sa.Text(), "Type of the file, such as video/mp4 (servers from 4.13)"),),
    "contacts": (
        ("company_id", sa.BigInteger(), "The company that the contact belongs to (servers from 4.15)"),
        ("conversations_count", sa.BigInteger(), "How many conversations the vendor counts, when last read"),
    ),
    "agents": (
        ("see_all_conversations", sa.Boolean(), "Whether the agent sees the conversations of other agents, too"),
    ),
    "inboxes": (
        ("api_type", sa.Text(), "What an inbox of Channel::Api stands for: wa_v2 is WhatsApp; NULL: not told"),
    ),
    "custom_attribute_definitions": (
        ("regex_pattern", sa.Text(), "What a value has to match"),
        ("regex_cue", sa.Text(), "What is shown when it does not"),
        ("default_value", sa.Text(), "The value of which one starts"),
    ),
    "csat_responses": (
        ("csat_review_notes", sa.Text(), "What the team noted about the answer (servers from 4.10)"),
        ("review_notes_updated_at", sa.DateTime(timezone=True), "When that was last written (UTC)"),
        ("review_notes_updated_by_id", sa.BigInteger(), "By whom; NULL where the vendor does not tell"),
    ),
}

# What was kept in `extra` so far goes into its column: histories that do not change are not read again.
# (table, column, path in extra, JSON type)
HELD: tuple[tuple[str, str, str, str], ...] = (
    ("conversations", "applied_sla", "applied_sla", "object"),
    ("conversations", "sla_events", "sla_events", "array"),
    ("messages", "call_provider", "call,provider", "string"),
    ("messages", "call_direction", "call,direction", "string"),
    ("messages", "call_status", "call,status", "string"),
    ("messages", "call_duration_seconds", "call,duration_seconds", "number"),
    ("messages", "call_end_reason", "call,end_reason", "string"),
    ("attachments", "content_type", "content_type", "string"),
    ("contacts", "company_id", "company_id", "number"),
    ("contacts", "conversations_count", "conversations_count", "number"),
    ("agents", "see_all_conversations", "see_all_conversations", "boolean"),
    ("csat_responses", "csat_review_notes", "csat_review_notes", "string"),
)

# How a JSON value of each type becomes a column's.
READ = {
    "object": "extra #> '{%s}'",
    "array": "extra #> '{%s}'",
    "string": "extra #>> '{%s}'",
    "number": "(extra #>> '{%s}')::bigint",
    "boolean": "(extra #>> '{%s}')::boolean",
}


def upgrade() -> None:
    """Apply."""
    for table, columns in NEW.items():
        for name, kind, comment in columns:
            op.add_column(table, sa.Column(name, kind, comment=comment), schema=SCHEMA)
    op.create_foreign_key(
        "csat_responses_account_id_review_notes_updated_by_id_fkey",
        "csat_responses",
        "agents",
        ["account_id", "review_notes_updated_by_id"],
        ["account_id", "id"],
        source_schema=SCHEMA,
        referent_schema=SCHEMA,
    )
    for held in HELD:
        execute(move(*held))
    # Of a call whose fields all went elsewhere nothing is left.
    execute("UPDATE helpdesk.messages SET extra = nullif(extra - 'call', '{}') WHERE extra -> 'call' = '{}'")


def downgrade() -> None:
    """Take back: the next run keeps in `extra` what it meets of these."""
    for table, columns in NEW.items():
        for name, _, _ in columns:
            op.drop_column(table, name, schema=SCHEMA)


def move(table: str, column: str, path: str, kind: str) -> str:
    """Return the statement that moves a value of a JSON type, or null, from `extra` into its column."""
    fits = f"jsonb_typeof(extra #> '{{{path}}}') IN ('{kind}', 'null')"
    if kind == "number":  # whole, and of at most 18 digits
        fits += f" AND coalesce(extra #>> '{{{path}}}', '0') ~ '^-?[0-9]{{1,18}}$'"
    read = f"CASE WHEN jsonb_typeof(extra #> '{{{path}}}') = '{kind}' THEN {READ[kind] % path} END"
    return (
        f"UPDATE helpdesk.{table} SET {column} = {read},"  # noqa: S608 -- constants
        f" extra = nullif(extra #- '{{{path}}}', '{{}}') WHERE extra #> '{{{path}}}' IS NOT NULL AND {fits}"
    )


def execute(statement: str) -> None:
    """Execute a statement as it stands: a colon or a percent sign in it is no parameter."""
    op.get_bind().exec_driver_sql(statement, execution_options={"no_parameters": True})
