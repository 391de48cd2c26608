"""Two small accounts with equal numbers, written so that every figure of every view can be worked out by hand.

HERE counts its days in Asia/Jerusalem: two hours before UTC until Friday 28 March 2025, 02:00, which is 03:00 at once;
three hours after that. Its first inbox is open from Sunday to Thursday 9 to 17, on Friday all day, on Saturday not.
BESIDE counts in UTC. The number of a message begins with that of its conversation.
"""

from datetime import date

from sqlalchemy import Engine, insert, text

from etl.database.bookkeeping import RejectedRecord, SyncRun
from etl.database.states import ConversationState
from etl.load import upsert
from etl.views import schema
from tests.integration.views.written_rows import ADDRESS, BESIDE, HERE, Row, at, beside, here, message

# As the views tell them.
WEBSITE: Row = {"inbox_id": 1, "inbox": "Website", "channel": "Website"}
PIGEON: Row = {"inbox_id": 2, "inbox": None, "channel": "Pigeon"}
OTHER: Row = {"inbox_id": 1, "inbox": "Other", "channel": "E-mail"}
ALI: Row = {"agent_id": 1, "agent": "Ali"}
BOB: Row = {"agent_id": 2, "agent": "Bob"}
ZOE: Row = {"agent_id": 1, "agent": "Zoe"}
NO_AGENT: Row = {"agent_id": None, "agent": None}
# The same as owners: of a conversation, of its resolution, of what is left of it.
ALIS, BOBS, ZOES, NOBODYS = (
    one | {"owner": one["agent"], "owner_kind": "agent" if one["agent"] else None} for one in (ALI, BOB, ZOE, NO_AGENT)
)
SALES: Row = {"team_id": 1, "team": "sales"}
SUPPORT: Row = {"team_id": 1, "team": "support"}
NO_TEAM: Row = {"team_id": None, "team": None}


def on(day: int) -> date:
    return date(2025, 3, day)


def of(conversation: int, account: int = HERE) -> Row:
    """Return what every row tells that is about a conversation."""
    url = f"{ADDRESS[account]}/app/accounts/{account}/conversations/{conversation}"
    return {"account_id": account, "conversation_id": conversation, "conversation_url": url}


def view(engine: Engine, name: str, order: str) -> list[Row]:
    """Return a whole view: every column of every row."""
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(text(f"SELECT * FROM bi.{name} ORDER BY {order}")).mappings()]


def write(engine: Engine) -> None:
    """Put both accounts into an empty database."""
    for account, rows in ((HERE, here()), (BESIDE, beside())):
        numbered = {table: [{"account_id": account, **row} for row in of_table] for table, of_table in rows.items()}
        with engine.begin() as connection:
            upsert.save(connection, {table: numbered[table] for table in upsert.ORDER if table in numbered})
            for model in (ConversationState, SyncRun, RejectedRecord):
                for row in numbered.get(model.__tablename__, []):
                    connection.execute(insert(model).values(row))
    with engine.begin() as connection:
        schema.refresh(connection, everything=True)


PROMISES = """
    INSERT INTO helpdesk.targets (account_id, name, valid_from, what, within_seconds, time, unseen)
    SELECT account_id, target.name, date '2025-01-01', what, hours * 3600, 'calendar', 'not_known'
    FROM helpdesk.accounts
    CROSS JOIN (VALUES ('First reply', 'first_reply', 1), ('Resolved', 'resolution', 24)) AS target (name, what, hours)
"""


def promise(engine: Engine) -> None:
    """Promise the contacts of both accounts a reply within an hour, and a resolution within a day."""
    with engine.begin() as connection:
        connection.execute(text(PROMISES))


def fail(engine: Engine) -> None:
    """Write a message to a contact of HERE that the channel did not take."""
    error = {"content_attributes": {"external_error": "131026: Message undeliverable"}}
    row = message(502, at(26, 11), "outgoing", ("user", 1), status="failed", **error)
    with engine.begin() as connection:
        upsert.save(connection, {"messages": [{"account_id": HERE, **row}]})
        schema.refresh(connection)
