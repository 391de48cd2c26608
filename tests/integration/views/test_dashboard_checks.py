"""Holds what each chart of the dashboard asks against the plain SQL of its check, on the two written accounts.

A chart's query is put together here as Superset does it; `make dashboard` has Superset itself do it, on the demo.
"""

import importlib

import pytest

from tests.integration.views.superset_queries import CHARTS, SUPERSET, answer, without_days_of_nothing


@pytest.fixture(scope="module")
def compare():
    """bi/superset/compare.py, as the scripts beside it import it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SUPERSET)
        yield importlib.import_module("compare")


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_asks_for_what_plain_sql_on_the_views_says(name, shown, compare):
    wanted = compare.rows_of(shown, name, str)
    found = answer(shown, CHARTS[name])
    assert found != []
    sides = (without_days_of_nothing([dict(one) for one in rows], CHARTS[name]) for rows in (found, wanted))
    assert compare.differences(*sides) == []
