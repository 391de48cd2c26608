"""What errors say: our own sentence, and apart from it what they quote, which can be taken out of any text again."""

import hypothesis.strategies as st
import pytest
from hypothesis import given

from etl.errors import BadValue, Denied, NotFound, TryAgain, VendorError, quoted, unquoted, without_value

AT = "http://x/y?page=2"
TERM = "http://x/y?status=open&q={}&page=2"


@pytest.mark.parametrize("kind", [VendorError, TryAgain, Denied, NotFound])
@pytest.mark.parametrize(
    ("sentence", "quote", "address", "said", "shown"),
    [
        (
            "the server answered 500.",
            "Dana\nLevi",
            AT,
            f"{AT}: the server answered 500: Dana\nLevi",
            f"{AT}: the server answered 500.",
        ),
        ("the answer is no JSON.", "Dana", "", "the answer is no JSON: Dana", "the answer is no JSON."),
        ("the answer is no list", "", "", "the answer is no list", "the answer is no list"),
        (
            "redirected, and the token is not sent there; set ETL_BASE_URL.",
            "http://Dana/",
            AT,
            f"{AT}: redirected, and the token is not sent there; set ETL_BASE_URL: http://Dana/",
            f"{AT}: redirected, and the token is not sent there; set ETL_BASE_URL.",
        ),
        ("no answer.", "", TERM.format("D"), f"{TERM.format('D')}: no answer.", f"{TERM.format('D')}: no answer."),
    ],
)
def test_an_error_has_address_sentence_and_quote(kind, sentence, quote, address, said, shown):
    error = kind(sentence, quote, address)
    assert (error.sentence, error.quote, error.address, str(error)) == (sentence, quote, address, said)
    assert unquoted(str(error), [quote] if quote else []) == shown == str(kind(sentence, "", address))
    assert unquoted(shown, [quote] if quote else []) == shown


def test_the_term_of_a_search_is_a_quote_too():
    said = f"{TERM.format('Dana%20Levi')}: the server answered 500: no q=Dana%20Levi here"
    quotes = ["Dana%20Levi", "no q=Dana%20Levi here"]
    assert unquoted(said, quotes) == f"{TERM.format('...')}: the server answered 500."
    assert unquoted(said, reversed(quotes)) == unquoted(said, quotes)


def test_what_goes_on_behind_a_quote_stays():
    error = VendorError("the server answered 500.", "Dana")
    assert unquoted(f"Not read: labels. Why: {error}.", ["Dana"]) == "Not read: labels. Why: the server answered 500."
    assert unquoted(f"Not used ({error}).", ["Dana"]) == "Not used (the server answered 500.)."


@pytest.mark.parametrize("quote", ["h", "t", "5", "."])
def test_a_quote_of_a_few_letters_takes_no_word_of_ours_apart(quote):
    error = VendorError("the server answered 500.", quote, AT)
    assert unquoted(f"The first: {error}", [quote]) == f"The first: {AT}: the server answered 500."


QUOTES = st.lists(st.text("XY:. =q\\", min_size=1, max_size=8).map("X".__add__), min_size=1, max_size=5)


@given(QUOTES)
def test_whatever_is_quoted_no_quote_is_left(quotes):
    said = [f"The first: {VendorError('the server answered 500.', one, AT)}" for one in quotes]
    shown = f"The first: {AT}: the server answered 500."
    assert {unquoted(one, quotes) for one in said} == {shown}
    assert set(quoted(quotes, said)) == set(quotes)


def test_only_what_occurs_was_quoted():
    assert quoted({"Dana", "Omer", "b"}, ["a: Dana", "b"]) == ["Dana", "b"]
    assert quoted(set(), ["a"]) == quoted({"a"}, []) == []


@pytest.mark.parametrize(
    ("error", "said", "shown"),
    [
        (
            BadValue("expected a time", "the text 'x'", "created_at"),
            "created_at: expected a time, got the text 'x'",
            "created_at: expected a time",
        ),
        (BadValue("expected text", "7"), "expected text, got 7", "expected text"),
        (BadValue("is missing", field="id"), "id: is missing", "id: is missing"),
    ],
)
def test_a_bad_value_has_field_sentence_and_quote(error, said, shown):
    assert str(error) == said
    assert without_value(str(error), error.quote or None) == shown


@given(
    st.sampled_from(["The first: {}", "Not used ({}).", "Why: the server failed: {}.", "A mark. {}", "{} It waits."]),
    st.text("MA.:;,) '\"q=", min_size=1, max_size=7).filter(lambda quote: "M" in quote),
)
def test_nothing_of_a_quote_is_left_in_any_sentence_that_holds_it(sentence, quote):
    said = str(VendorError("the server answered 500.", quote, AT))
    # As notes and problems are made: one of them ends what was said with a full stop of its own.
    shown = unquoted(sentence.format(said.removesuffix(".") if "failed" in sentence else said), [quote])
    assert "M" not in shown
    assert "the server answered 500" in shown
