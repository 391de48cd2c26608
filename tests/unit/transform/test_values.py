import json
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etl.errors import BadValue
from etl.transform.values import flag, free, instant, number, structure, text, texts, whole, without_secrets, word

ANY_TEXT = st.text(st.characters(codec=None))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ANY_TEXT, inner, max_size=4),
    max_leaves=12,
)


def refusal(read, value) -> str:
    with pytest.raises(BadValue) as refused:
        read(value)
    return str(refused.value)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (0, 0),
        (-1, -1),
        (2**63 - 1, 9223372036854775807),
        (-(2**63), -9223372036854775808),
        ("42", 42),
        ("-7", -7),
        ("007", 7),
        ("0", 0),
        (640.0, 640),
        (-0.0, 0),
    ],
)
def test_a_whole_number_is_read_also_out_of_quotes(sent, read):
    assert whole(sent) == read
    assert type(whole(sent)) is int


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (True, "expected a whole number, got True"),
        (1.5, "expected a whole number, got 1.5"),
        ("", "expected a whole number, got the text ''"),
        ("1.5", "expected a whole number, got the text '1.5'"),
        ("--5", "expected a whole number, got the text '--5'"),
        (" 5", "expected a whole number, got the text ' 5'"),
        ("٣", "expected a whole number, got the text '٣'"),
        ("²", "expected a whole number, got the text '²'"),
        ([1], "expected a whole number, got an array"),
        ({"id": 1}, "expected a whole number, got an object"),
        (2**63, "expected a number of at most 64 bits, got 9223372036854775808"),
        (-(2**63) - 1, "expected a number of at most 64 bits, got -9223372036854775809"),
        ("9223372036854775808", "expected a number of at most 64 bits, got 9223372036854775808"),
    ],
)
def test_what_is_no_whole_number_of_64_bits_is_refused(sent, said):
    assert refusal(whole, sent) == said


@given(st.integers(-(2**63), 2**63 - 1))
def test_every_64_bit_number_is_read_the_same_with_and_without_quotes(value):
    assert whole(value) == whole(str(value)) == value


@pytest.mark.parametrize(
    ("sent", "read"),
    [(0, 0.0), (-33, -33.0), (32.0853, 32.0853), (-0.5, -0.5), (1e300, 1e300), ("-34.5", -34.5), ("7", 7.0)],
)
def test_a_number_is_read_as_a_float(sent, read):
    assert number(sent) == read
    assert type(number(sent)) is float


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (False, "expected a number, got False"),
        ("32,1", "expected a number, got the text '32,1'"),
        ("1e5", "expected a number, got the text '1e5'"),
        (float("nan"), "expected a number, got nan"),
        (float("inf"), "expected a number, got inf"),
        ([], "expected a number, got an array"),
    ],
)
def test_what_is_no_finite_number_is_refused(sent, said):
    assert refusal(number, sent) == said


@pytest.mark.parametrize("sent", [True, False])
def test_true_and_false_are_read_as_they_are(sent):
    assert flag(sent) is sent


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (0, "expected true or false, got 0"),
        (1, "expected true or false, got 1"),
        ("true", "expected true or false, got the text 'true'"),
        ({}, "expected true or false, got an object"),
    ],
)
def test_what_only_means_true_or_false_is_refused(sent, said):
    assert refusal(flag, sent) == said


@pytest.mark.parametrize(
    "sent", ["", " two  spaces ", "שלום, world", "👨\u200d👩\u200d👧", "line\nline\ttab", "\x01\x7f"]
)
def test_text_is_kept_to_the_character(sent):
    assert text(sent) == sent


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("a\x00b", "a\ufffdb"),
        ("\x00", "\ufffd"),
        ("half \ud83d", "half \ufffd"),
        ("\udc00\ud800", "\ufffd\ufffd"),
        (json.loads('"\\ud83d\\ude00"'), "😀"),
    ],
)
def test_nul_and_half_a_surrogate_pair_become_the_replacement_character(sent, read):
    assert text(sent) == read


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (1.5, "expected text, got 1.5"),
        (False, "expected text, got False"),
        ([], "expected text, got an array"),
        ({"private": "secret"}, "expected text, got an object"),
    ],
)
def test_what_is_no_text_is_refused(sent, said):
    assert refusal(text, sent) == said


def test_a_refusal_shows_the_beginning_of_a_long_text_only():
    assert refusal(flag, "a very private letter to a friend") == (
        "expected true or false, got the text 'a very private lette'"
    )


@given(ANY_TEXT)
def test_every_text_becomes_one_that_postgresql_stores_and_changes_nowhere_else(value):
    read = text(value)
    assert "\x00" not in read
    assert read.encode().decode() == read
    assert len(read) == len(value)
    assert all(kept in (sent, "\ufffd") for kept, sent in zip(read, value, strict=True))
    assert text(read) == read


@pytest.mark.parametrize(("sent", "read"), [(0, "0"), (972500000001, "972500000001"), (2**70, str(2**70))])
def test_a_whole_number_is_text_where_text_is_told_and_none_where_it_would_stand_for_something(sent, read):
    assert text(sent) == read
    assert refusal(word, sent) == f"expected text, got {read}"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ('{"in_reply_to": 7}', {"in_reply_to": 7}),
        (' [1, "a\\u0000"]', [1, "a\ufffd"]),
        ("{}", {}),
        ({"a": "{}"}, {"a": "{}"}),
        ("{not json}", "{not json}"),
        ("7", "7"),
        ("", ""),
    ],
)
def test_an_object_is_read_out_of_json_text(sent, read):
    assert structure(sent) == read


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"name": "x"}, {"name": "x"}),
        ({"secret": 1, "a": [{"access_token": 1}, 2]}, {"a": [{}, 2]}),
        ([{"outgoing_url": 1}], [{}]),
        ("secret", "secret"),
    ],
)
def test_keys_of_secrets_are_left_out_at_any_depth(sent, kept):
    assert without_secrets(sent) == kept


def test_an_array_of_texts_is_read():
    assert texts([]) == []
    assert texts(["vip", "", "חשוב", "a\x00"]) == ["vip", "", "חשוב", "a\ufffd"]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ("vip", "expected an array, got the text 'vip'"),
        ({"a": "b"}, "expected an array, got an object"),
        (["vip", None], "expected text, got None"),
        ([["vip"]], "expected text, got an array"),
    ],
)
def test_what_is_no_array_of_texts_is_refused(sent, said):
    assert refusal(texts, sent) == said


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (1767268800, datetime(2026, 1, 1, 12, tzinfo=UTC)),
        (1773978692.3184252, datetime(2026, 3, 20, 3, 51, 32, 318425, tzinfo=UTC)),
        (-1, datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        (253402300799, datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-03-20T03:06:41.498Z", datetime(2026, 3, 20, 3, 6, 41, 498000, tzinfo=UTC)),
        ("2026-03-20T03:06:41Z", datetime(2026, 3, 20, 3, 6, 41, tzinfo=UTC)),
        ("2026-03-20T03:06:41.498123+00:00", datetime(2026, 3, 20, 3, 6, 41, 498123, tzinfo=UTC)),
        ("2026-03-20T05:06:41.000+02:00", datetime(2026, 3, 20, 3, 6, 41, tzinfo=UTC)),
        ("2026-03-20T03:06:41", datetime(2026, 3, 20, 3, 6, 41, tzinfo=UTC)),
        ("1767268800", datetime(2026, 1, 1, 12, tzinfo=UTC)),
        ("1773978692.5", datetime(2026, 3, 20, 3, 51, 32, 500000, tzinfo=UTC)),
        ("-1", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2023-11-14 22:13:20 UTC", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14 22:13:20.25 UTC", datetime(2023, 11, 14, 22, 13, 20, 250000, tzinfo=UTC)),
        ("2023-11-15 00:13:20 +0200", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14 22:13:20", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14T22:13:20 UTC", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("2023-11-14", datetime(2023, 11, 14, tzinfo=UTC)),
        ("Tue, 14 Nov 2023 22:13:20 GMT", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
        ("Wed, 15 Nov 2023 00:13:20 +0200", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_from_seconds_and_from_iso_8601_as_utc(sent, read):
    assert instant(sent) == read
    assert instant(sent).utcoffset() == timedelta(0)


@pytest.mark.parametrize("sent", [0, 0.0, -0.0, "0", "0.0"])
def test_0_is_not_a_time(sent):
    assert instant(sent) is None


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (True, "expected a time, got True"),
        (False, "expected a time, got False"),
        ("", "expected a time, got the text ''"),
        ("soon", "expected a time, got the text 'soon'"),
        ("2026-02-30T00:00:00Z", "expected a time, got the text '2026-02-30T00:00:00Z'"),
        (253402300800, "expected a time, got 253402300800"),
        (1767268800000, "expected a time, got 1767268800000"),
        ("1767268800000", "expected a time, got 1767268800000"),
        ("14/11/2023 22:13", "expected a time, got the text '14/11/2023 22:13'"),
        ("2023-11-14 22:13:20 IST", "expected a time, got the text '2023-11-14 22:13:20 '"),
        ("Tue, 14 Nov 2023 at ten", "expected a time, got the text 'Tue, 14 Nov 2023 at '"),
        ("٢٠٢٣", "expected a time, got the text '٢٠٢٣'"),
        (10**30, "expected a time, got 1000000000000000000000000000000"),
        (1e18, "expected a time, got 1e+18"),
        (float("nan"), "expected a time, got nan"),
        (float("inf"), "expected a time, got inf"),
        ("0001-01-01T00:00:00+14:00", "expected a time, got the text '0001-01-01T00:00:00+'"),
        ([], "expected a time, got an array"),
        ({}, "expected a time, got an object"),
    ],
)
def test_what_is_no_time_or_outside_the_calendar_is_refused(sent, said):
    assert refusal(instant, sent) == said


@given(st.datetimes(timezones=st.just(UTC)).map(lambda time: time.replace(microsecond=time.microsecond // 1000 * 1000)))
def test_every_time_is_read_back_from_the_vendors_spellings_of_it(time):
    iso = re.sub(r"\+00:00$", "Z", time.isoformat(timespec="milliseconds"))
    elsewhere = time if time.year in {1, 9999} else time.astimezone(timezone(timedelta(hours=-3, minutes=-30)))
    assert instant(iso) == time
    assert instant(elsewhere.isoformat()) == time
    whole_seconds = time.replace(microsecond=0)
    assert (instant(int(whole_seconds.timestamp())) or datetime(1970, 1, 1, tzinfo=UTC)) == whole_seconds


def test_a_free_value_is_kept_but_for_characters_that_postgresql_refuses():
    sent = {"a\x00": [1, 2.5, None, True, "x\ud800", {"\udfff": {}}], "": ""}
    assert free(sent) == {"a\ufffd": [1, 2.5, None, True, "x\ufffd", {"\ufffd": {}}], "": ""}


@pytest.mark.parametrize("sent", [None, False, 0, 1.5, "", [], {}, [[]], {"a": {"b": [None]}}])
def test_a_free_value_may_be_any_json_value(sent):
    assert free(sent) == sent
    assert type(free(sent)) is type(sent)


@given(ANY_JSON)
def test_every_json_value_becomes_one_that_postgresql_stores(value):
    read = free(value)
    stored = json.dumps(read, ensure_ascii=False)
    assert json.loads(stored.encode()) == read
    assert "\\u0000" not in stored.replace("\\\\", "")
    assert free(read) == read
