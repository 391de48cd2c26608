"""What is computed at the end of each run, as the tables have it."""

from sqlalchemy import Engine

from tests.reference.compare import Row, rows

FIGURES = {
    "conversation_openings": "conversation_id, opening",
    "customer_waits": "conversation_id, opening, waiting_since, question_message_id",
    "conversation_events": "conversation_id, number",
}

# What the views of service levels and of conversations show of the three above.
STORED_BEHIND_VIEWS = {"obligations": "conversation_id, number", "conversation_sums": "conversation_id"}


def figures(engine: Engine, account_id: int = 1) -> dict[str, list[Row]]:
    """Return every column of every row that is computed."""
    return {
        name: rows(engine, f"SELECT * FROM helpdesk.{name} WHERE account_id = {account_id} ORDER BY {order}")
        for name, order in {**FIGURES, **STORED_BEHIND_VIEWS}.items()
    }
