"""Who comes from 0012 has the figures of the wide views at once, by the rules of this version."""

import pytest
from sqlalchemy import Engine

from etl.database import migrate
from tests.integration.database.test_owners_migration import rows
from tests.integration.views import written_account

# What computed figures there stays for its grants, and knew no obligations and no sums.
EARLIER = """
    CREATE OR REPLACE FUNCTION helpdesk.refresh_figures(account bigint DEFAULT NULL, everything boolean DEFAULT true)
    RETURNS bigint LANGUAGE sql AS 'SELECT 0::bigint'
"""
TARGET = """
    INSERT INTO helpdesk.targets (account_id, name, valid_from, what, within_seconds, time, unseen)
    SELECT account_id, what, '2025-01-01', what, 3600, 'business', 'not_known'
    FROM helpdesk.accounts CROSS JOIN unnest('{first_reply,next_reply,resolution}'::text[]) AS what
"""
LEFT = """
    INSERT INTO helpdesk.stale_figures (account_id, conversation_id)
    SELECT account_id, id FROM helpdesk.conversations WHERE id <= %s
"""
VIEWS = ("conversation_metrics", "service_levels", "daily_service_levels")


def shown(engine: Engine) -> list[list[str]]:
    return [sorted(map(repr, rows(engine, f"SELECT * FROM bi.{view}"))) for view in VIEWS]


@pytest.mark.parametrize("left", [0, 1])
def test_the_migration_itself_computes_them_and_an_earlier_version_of_what_computes_is_replaced(
    engine: Engine, left: int
) -> None:
    """left: of how many conversations of each account a run that was killed left the figures to the next one."""
    written_account.write(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(TARGET)
    before = shown(engine)
    assert all(before)
    migrate.migrate(engine, "0012_targets")
    with engine.begin() as connection:
        connection.exec_driver_sql(EARLIER)
        connection.exec_driver_sql(LEFT, (left,))
    migrate.migrate(engine)
    assert shown(engine) == before
