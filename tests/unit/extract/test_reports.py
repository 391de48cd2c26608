"""What is read of the vendor's own counts, as Chatwoot 2.15.0 gave them of an account of 579 conversations."""

from collections.abc import Iterator

import pytest

from etl.demo.server import Answer, Request, json_answer, serve
from etl.extract.client import Client
from etl.extract.reports import TimeSpan, count_by, count_everything, count_surveys
from etl.settings.settings import Settings
from tests.recorded_vendor import recording

UNTIL = 1795918763
# The days were asked for in the zone with the offset 0, and the surveys without a range.
NOT_ASKED_BY_US = {"timezone_offset"}


def recorded(request: Request) -> Answer:
    for exchange in recording("2.15.0-reports"):
        asked = {name: str(value) for name, value in exchange["request"]["query"] if name not in NOT_ASKED_BY_US}
        if exchange["request"]["path"] == request.path and (not asked or asked == dict(request.query)):
            return json_answer(exchange["response"]["json"], exchange["response"]["status"])
    return json_answer({"error": "not recorded"}, 404)


@pytest.fixture
def client() -> Iterator[Client]:
    with serve(recorded) as url:
        yield Client(Settings(base_url=url, account_id=2, api_token="token", retry_attempts=1))


def test_everything_is_counted_in_one_request_with_what_imports_dated_before_1970(client: Client) -> None:
    assert count_everything(client, UNTIL) == {
        TimeSpan(-UNTIL, 0): {"conversations": 0, "incoming_messages": 2, "outgoing_messages": 0},
        TimeSpan(0, UNTIL): {"conversations": 579, "incoming_messages": 5554, "outgoing_messages": 3261},
    }
    assert client.requests == 1


@pytest.mark.parametrize(("metric", "counted"), [("conversations", 579), ("incoming_messages", 5554)])
def test_the_spans_of_a_series_have_no_gap_and_together_what_is_counted_at_once(
    client: Client, metric: str, counted: int
) -> None:
    years = count_by(client, metric, TimeSpan(0, UNTIL), "year")
    spans = list(years)
    assert (spans[0].since, spans[-1].until) == (0, UNTIL)
    assert [one.until for one in spans[:-1]] == [one.since for one in spans[1:]]
    assert sum(years.values()) == counted


def test_days_begin_where_the_server_says_and_one_of_them_has_25_hours(client: Client) -> None:
    days = count_by(client, "incoming_messages", TimeSpan(1792376363, UNTIL), "day")
    first, second, *_ = days.items()
    assert first == (TimeSpan(1792376363, 1792450800), 8)  # the first day from where the range begins
    assert second == (TimeSpan(1792450800, 1792537200), 23)  # from 23:00 UTC on, as in London's summer
    assert [span.since for span in days if span.until - span.since == 25 * 3600] == [1792882800]


def test_surveys_and_ratings_are_counted_as_the_server_says_them(client: Client) -> None:
    assert count_surveys(client, TimeSpan(0, UNTIL)) == {
        "surveys_sent": 199, "rating_1": 47, "rating_2": 8, "rating_3": 16, "rating_4": 9, "rating_5": 28,
    }  # fmt: skip
