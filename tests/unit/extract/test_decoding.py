"""What a body says is found out by the quick reader wherever it gets every number right, and by Python's own else."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.extract.decoding import decode
from etl.extract.quotes import Quotes
from etl.settings.settings import Settings
from tests.recorded_vendor import recording

QUOTES = Quotes(Settings(account_id=1, api_token="t"))
NUMBERS = st.integers() | st.integers(10**18, 10**22) | st.integers(-(10**22), -(10**18))
# The ids of other systems are texts of digits.
TEXTS = st.text() | st.from_regex(r"[:,\[ ]?-?[0-9]{15,25}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=10,
)


@given(value=VALUES, spaces=st.sampled_from([None, 1]))
def test_every_value_is_read_as_it_was_written_however_long_its_numbers_are(value, spaces):
    body = bytearray(json.dumps(value, indent=spaces).encode())
    assert repr(decode(body, QUOTES)) == repr(value)


@pytest.mark.parametrize("number", [2**64, 10**19 * 10, -(2**63) - 1, 10**40])
@pytest.mark.parametrize("before", ["", "[", "[1,", '[{"a":', "[\n\t \r", '[{"a" :\n', "[1 ,  "])
def test_a_number_beyond_64_bits_is_exact_wherever_it_stands(before, number):
    after = "}]" if "{" in before else "]" if before else ""
    body = bytearray(f"{before}{number}{after}".encode())
    assert repr(decode(body, QUOTES)) == repr(json.loads(body))


def test_what_real_servers_send_has_hardly_ever_so_many_digits_in_a_row_that_the_slow_reader_is_needed():
    names = ("4.7.0-pages", "4.7.0-histories", "2.14.0-pages", "2.14.0-walks")
    answers = [json.dumps(one["response"]["json"]) for name in names for one in recording(name)]
    assert [answer for answer in answers if re.search("[0-9]{19}", answer)] == []
