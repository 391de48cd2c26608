"""Tells PostgreSQL's planner of the rows that a run inserts, while the tables are new and grow."""

from sqlalchemy import Engine

from etl.database.engine import transaction
from etl.load import upsert

# Rows inserted by this run before the planner is told of them, and how many times as many before it is told again.
ANALYZE_FIRST_AT, ANALYZE_AGAIN_AT = 500, 8


class Statistics:
    """Counts the rows that were inserted; is_kept: whether the planner is told of them."""

    def __init__(self, engine: Engine) -> None:
        self.is_kept = True
        self._engine, self._inserted, self._analyze_at = engine, 0, ANALYZE_FIRST_AT

    def add(self, inserted: int) -> None:
        """Count rows that were inserted, and tell the planner of them now and then."""
        self._inserted += inserted
        if self.is_kept and self._inserted >= self._analyze_at:
            with transaction(self._engine) as connection:
                upsert.analyze(connection)
            self._analyze_at *= ANALYZE_AGAIN_AT
