"""Options that several commands take: how old data may be is one figure in all of them."""

from datetime import timedelta
from inspect import signature

import pytest
import typer

from etl.commands import export
from etl.commands.options import LONGEST_AGE, age
from etl.commands.runs import status


def test_status_and_export_call_the_same_data_old():
    assert signature(status).parameters["max_age"].default == LONGEST_AGE
    assert age(LONGEST_AGE) == export.OLD == timedelta(hours=26)


def test_an_age_is_a_number_and_a_unit():
    assert [age(one) for one in ("90m", "2d")] == [timedelta(minutes=90), timedelta(days=2)]
    with pytest.raises(typer.BadParameter, match="'26' is no age such as 90m, 26h or 2d"):
        age("26")
