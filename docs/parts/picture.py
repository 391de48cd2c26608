"""The README's picture of the tables and their foreign keys."""

from collections.abc import Iterator

from sqlalchemy import Table

from etl.database.models import METADATA
from parts.dictionary import targets_of, type_of

# account_id begins every key and refers to accounts: said once in words, it would hide everything else in the picture.
EVERYWHERE = "account_id"

# The columns that the picture shows beside the keys: what a table is about, in few words.
TELLING = {
    "accounts": ("base_url",),
    "agents": ("name", "email"),
    "attachments": ("file_type", "data_url"),
    "account_counts": ("all_count",),
    "bots": ("name",),
    "contacts": ("name", "email", "phone_number"),
    "conversation_ledger": ("state", "reason"),
    "conversation_states": ("valid_to", "status", "assignee_type", "assignee_id", "assignee_bot_id", "team_id"),
    "conversations": ("status", "priority", "created_at", "last_activity_at", "first_reply_created_at"),
    "csat_responses": ("rating", "feedback_message"),
    "custom_attribute_definitions": ("attribute_key", "attribute_model", "attribute_display_type"),
    "inboxes": ("name", "channel_type"),
    "messages": ("message_type", "content", "private", "sender_type", "sender_id", "created_at"),
    "rejected_records": ("reason", "payload"),
    "sync_parts": ("walk", "first_page", "last_page"),
    "sync_runs": ("kind", "outcome", "started_at", "finished_at", "unaccounted"),
    "sync_tallies": ("attempt", "tally"),
    "teams": ("name",),
}


def picture() -> str:
    """Return the tables and their foreign keys as a Mermaid diagram."""
    tables = METADATA.sorted_tables
    lines = [line for table in tables for line in _relations(table)]
    lines += [line for table in tables for line in _entity(table)]
    return "\n".join(["```mermaid", "erDiagram", *(f"    {line}" for line in lines), "```", ""])


def _entity(table: Table) -> Iterator[str]:
    targets = targets_of(table)
    shown = {one.name for one in table.primary_key} | targets.keys() | set(TELLING.get(table.name, ()))
    if unknown := shown - {one.name for one in table.columns}:
        raise ValueError(f"{table.name} has no columns {', '.join(sorted(unknown))}: mend TELLING")
    yield f"{table.name} {{"
    for one in table.columns:
        if one.name in shown and (one.name != EVERYWHERE or table.name == "accounts"):
            keys = ",".join(["PK"] * one.primary_key + ["FK"] * (one.name in targets))
            yield f"    {type_of(one)} {one.name} {keys}".rstrip()
    yield "}"


def _relations(table: Table) -> Iterator[str]:
    for name, target in sorted(targets_of(table).items()):
        if name != EVERYWHERE:
            parent = "|o" if table.columns[name].nullable else "||"
            yield f"{target.partition('.')[0]} {parent}--o{{ {table.name} : {name}"
