from concurrent.futures import ThreadPoolExecutor

import pytest

from etl.extract.client import _retry_after
from etl.extract.exchange import Answer
from etl.extract.pacing import Pace, kind_of

MINUTE_100 = 6000.0  # the begin of a clock minute, in seconds


class Answered(Pace):
    """A pace whose requests are answered at once."""

    def wait(self, kind=""):
        ticket = super().wait(kind)
        self.done(ticket)
        return ticket

    def minute(self):
        return self.wait().minute


@pytest.fixture
def pace_of(clock):
    def make(per_minute=None, now=MINUTE_100):
        """Return a pace that was already at work in the minute before, so that it knows this one from its start."""
        clock.now = now - 60
        pace = Answered(per_minute, clock, clock.sleep)
        pace.wait()
        clock.now = now
        return pace

    return make


def test_without_a_known_limit_nothing_waits(pace_of, clock):
    pace = pace_of()
    assert [pace.minute() for _ in range(1000)] == [100] * 1000
    assert clock.slept == []


def test_at_a_fixed_rate_the_next_request_waits_for_the_next_clock_minute(pace_of, clock):
    pace = pace_of(3, MINUTE_100 + 20)
    assert [pace.minute() for _ in range(7)] == [100, 100, 100, 101, 101, 101, 102]
    assert clock.slept == [40, 60]


def test_a_minute_that_was_not_used_is_not_saved_up(pace_of, clock):
    pace = pace_of(2)
    pace.wait()
    clock.now += 600
    assert [pace.minute() for _ in range(3)] == [110, 110, 111]


def test_a_429_teaches_the_rate_and_makes_everybody_wait_for_the_next_minute(pace_of, clock):
    pace = pace_of()
    minutes = [pace.wait() for _ in range(5)]
    clock.now += 15
    assert pace.limited(minutes[-1], None) == 45
    assert pace.limit_of() == 4
    assert [pace.minute() for _ in range(5)] == [101, 101, 101, 101, 102]
    assert clock.slept == [45, 60]


def test_the_limit_is_what_was_let_pass_and_not_what_was_refused(pace_of, clock):
    pace = pace_of()
    minutes = [pace.wait() for _ in range(10)]
    clock.now += 30
    assert [pace.limited(minutes[-1], None) for _ in range(5)] == [30] * 5
    assert pace.limit_of() == 5


def test_a_429_that_arrives_in_the_next_minute_does_not_lower_the_rate(pace_of, clock):
    pace = pace_of()
    late = [pace.wait() for _ in range(10)][-1]
    clock.now += 70
    assert pace.minute() == 101
    pace.limited(late, None)
    assert pace.limit_of() is None


def test_a_second_full_window_lowers_the_rate_further(pace_of, clock):
    pace = pace_of()
    pace.limited([pace.wait() for _ in range(10)][-1], None)
    pace.limited([pace.wait() for _ in range(9)][-1], None)
    assert pace.limit_of() == 8


def test_a_429_lowers_a_given_rate_but_never_raises_it(pace_of, clock):
    pace = pace_of(3)
    pace.limited([pace.wait() for _ in range(3)][-1], None)
    assert pace.limit_of() == 2
    pace = pace_of(100)
    pace.limited([pace.wait() for _ in range(50)][-1], None)
    assert pace.limit_of() == 49


def test_the_rate_never_falls_to_nothing(pace_of, clock):
    pace = pace_of(1)
    for _ in range(3):
        pace.limited(pace.wait(), None)
    assert pace.limit_of() == 1


def test_retry_after_is_waited_for_also_beyond_the_minute(pace_of, clock):
    pace = pace_of(None, MINUTE_100 + 50)
    minute = pace.wait()
    assert pace.limited(minute, 90.0) == 90
    assert pace.minute() == 102
    assert clock.slept == [90]


def test_a_later_429_with_a_shorter_wait_shortens_nothing(pace_of, clock):
    pace = pace_of()
    minute = pace.wait()
    assert pace.limited(minute, 90.0) == 90
    clock.now += 10
    assert pace.limited(minute, 5.0) == 80


def test_a_429_at_the_very_begin_of_a_minute_waits_for_the_whole_of_it(pace_of, clock):
    pace = pace_of()
    assert pace.limited(pace.wait(), None) == 60


def test_several_threads_together_stay_at_the_rate(pace_of):
    pace = pace_of(7)
    with ThreadPoolExecutor(8) as pool:
        minutes = list(pool.map(lambda _: pace.minute(), range(7)))
    assert minutes == [100] * 7
    assert pace.minute() == 101


def test_the_minute_in_which_a_run_begins_teaches_nothing_as_others_may_have_used_it_up(clock):
    clock.now = MINUTE_100 + 50
    pace = Answered(None, clock, clock.sleep)
    assert pace.limited(pace.wait(), None) == 10
    assert pace.limit_of() is None
    assert [pace.minute() for _ in range(3)] == [101, 101, 101]


def test_a_retry_after_beyond_two_minutes_is_cut(pace_of):
    pace = pace_of()
    assert pace.limited(pace.wait(), 86_400.0) == 120


def test_a_burst_of_others_halves_the_rate_at_most(pace_of, clock):
    pace = pace_of()
    for _ in range(200):
        pace.wait()
    clock.now += 60
    # Somebody else has used this minute up: the very first request of it is one too many.
    assert pace.limited(pace.wait(), None) == 60
    assert pace.limit_of() == 100


def test_what_is_under_way_when_the_minute_turns_counts_in_both(clock):
    clock.now = MINUTE_100
    pace = Pace(5, clock, clock.sleep)
    first, second = pace.wait(), pace.wait()
    pace.done(first)
    clock.now += 60
    assert [pace.wait().minute for _ in range(4)] == [101] * 4
    pace.done(second)
    assert pace.wait().minute == 102


# By kind of address


def test_the_kind_of_an_address_is_the_same_for_all_conversations():
    assert kind_of("conversations/17/messages") == kind_of("conversations/4/messages") != kind_of("conversations/4")
    assert kind_of("/api/v1/profile") != kind_of("/api")


def test_a_429_of_one_kind_holds_up_no_other_and_teaches_them_nothing(pace_of, clock):
    pace = pace_of()
    for _ in range(10):
        pace.wait("histories")
    for _ in range(3):
        assert pace.limited(pace.wait("meta"), None) == 60 - clock.now % 60
        assert [pace.wait("histories").minute for _ in range(100)] == [clock.now // 60] * 100
        clock.now += 60
    assert (pace.limit_of("meta"), pace.limit_of("histories"), pace.limit_of("pages")) == (1, None, None)
    assert clock.slept == []


def test_two_kinds_with_limits_of_their_own_leave_the_others_alone(pace_of, clock):
    pace = pace_of()
    for _ in range(10):
        for kind in ("meta", "reports"):
            pace.limited(pace.wait(kind), None)
            pace.wait("histories")
        clock.now += 60
    assert (pace.limit_of("meta"), pace.limit_of("reports"), pace.limit_of("histories")) == (1, 1, None)
    assert clock.slept == []


def test_when_several_kinds_are_refused_and_none_passes_all_wait_and_share_one_limit(pace_of, clock):
    pace = pace_of()
    for _ in range(80):
        pace.wait("histories")
    for _ in range(20):
        pace.wait("pages")
    clock.now += 15
    under_way = pace.wait("histories"), pace.wait("pages")
    assert [pace.limited(ticket, None) for ticket in under_way] == [45, 45]
    assert pace.wait("conversations").minute == 101
    assert clock.slept == [45]
    # All together as many as were let pass, in any proportion, and no kind has a limit of its own.
    assert {pace.limit_of(kind) for kind in ("histories", "pages", "conversations")} == {100}
    assert [pace.wait("pages").minute for _ in range(100)] == [101] * 99 + [102]


def test_a_learned_limit_is_doubled_after_five_minutes_without_a_429(pace_of, clock):
    pace = pace_of()
    for _ in range(4):
        pace.limited(pace.wait("meta"), None)
        clock.now += 60
    assert pace.limit_of("meta") == 1
    seen = []
    for _ in range(16):
        pace.wait("meta")
        seen.append(pace.limit_of("meta"))
        clock.now += 60
    assert (seen[0], seen[-1], sorted(set(seen))) == (1, 8, [1, 2, 4, 8])


def test_a_limit_that_is_tried_upwards_falls_back_to_what_passes(pace_of, clock):
    pace = pace_of()
    served, most = [], 50
    for _ in range(40):
        sent = 0
        while True:
            ticket = Pace.wait(pace, "histories")
            if ticket.minute * 60 > clock.now:
                break
            sent += 1
            pace.done(ticket, sent <= most)
            if sent > most:
                pace.limited(ticket, None)
                break
            if sent == pace.limit_of("histories"):
                break
        served.append(min(sent, most))
        clock.now += 60 - clock.now % 60
    assert served == [50] * 40
    assert 50 <= (pace.limit_of("histories") or 0) <= 100


def test_a_limit_from_the_settings_is_never_exceeded_however_long_it_is_quiet(pace_of, clock):
    pace = pace_of(3)
    pace.limited([pace.wait() for _ in range(3)][-1], None)
    assert pace.limit_of() == 2
    for _ in range(30):
        clock.now += 60
        pace.wait()
    assert pace.limit_of() == 3


# Retry-After


def test_retry_after_0_is_now_and_teaches_nothing(pace_of, clock):
    pace = pace_of()
    for _ in range(20):
        assert pace.limited(pace.wait(), 0.0) == 0
    assert (pace.limit_of(), clock.slept) == (None, [])


def test_a_server_that_lets_us_in_before_the_minute_ends_does_not_count_by_the_minute(pace_of, clock):
    pace = pace_of()
    for second in range(1, 30):
        for _ in range(5):
            pace.wait()
        pace.limited(pace.wait(), 1.0)
        assert pace.minute() == 100
        assert clock.slept == [1.0] * second
    assert pace.limit_of() is None


# A clock that is set


class TwoClocks:
    """The clock of the day, which may be set, and the monotonic one."""

    def __init__(self):
        self.day, self.monotonic, self.slept = MINUTE_100 + 10, 50.0, []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.day += seconds
        self.monotonic += seconds


@pytest.mark.parametrize("step", [-18_000, -30, 30, 18_000])
@pytest.mark.parametrize("retry_after", [None, 90.0])
def test_a_clock_that_is_set_while_all_wait_for_a_429_changes_no_wait(step, retry_after):
    time = TwoClocks()
    pace = Pace(None, lambda: time.day, time.sleep, lambda: time.monotonic)
    waits = pace.limited(pace.wait(), retry_after)
    time.day += step
    pace.done(pace.wait())
    assert sum(time.slept) == waits <= 90


@pytest.mark.parametrize("step", [-18_000, -30, 30, 18_000])
def test_a_clock_that_is_set_while_a_full_minute_ends_makes_nobody_wait_for_more_than_two(step):
    time = TwoClocks()
    pace = Pace(5, lambda: time.day, time.sleep, lambda: time.monotonic)
    for _ in range(5):
        pace.done(pace.wait())
    time.day += step
    for _ in range(5):
        pace.done(pace.wait())
    assert sum(time.slept) <= 120


@pytest.mark.parametrize(("told", "seconds"), [({"Date": "Tue, 14 Nov 2023 22:13:20 GMT"}, 30.0), ({}, 0.0)], ids=str)
def test_a_date_until_which_to_wait_is_read_by_the_servers_own_clock(told, seconds):
    """Ours may be years ahead, and would then wait for nothing."""
    answer = Answer(429, told | {"Retry-After": "Tue, 14 Nov 2023 22:13:50 GMT"}, bytearray())
    assert _retry_after(answer) == seconds
