from hypothesis import given
from hypothesis import strategies as st

from etl.id_set import HIGHEST_BIT, IdSet

NUMBERS = st.one_of(st.integers(-3, 70), st.sampled_from([HIGHEST_BIT, 2**63, -(2**63)]))


@given(st.lists(st.tuples(st.booleans(), NUMBERS)))
def test_it_holds_what_a_set_holds(steps: list[tuple[bool, int]]) -> None:
    ids, plain = IdSet(), set[int]()
    for add, number in steps:
        (ids.add if add else ids.discard)(number)
        (plain.add if add else plain.discard)(number)
    assert (set(ids), len(ids), ids == plain) == (plain, len(plain), True)
    assert all((one in ids) == (one in plain) for one in (*range(-3, 71), HIGHEST_BIT, 2**63))
    assert (plain - ids, {1, 2} | ids, ids & {1}) == (set(), plain | {1, 2}, plain & {1})


def test_the_small_ones_come_in_order_and_take_a_bit_each() -> None:
    ids = IdSet(range(1_000_000, 0, -1))
    assert list(ids) == list(range(1, 1_000_001))
    assert len(ids._bits) == 125_001
    assert "7" not in ids
