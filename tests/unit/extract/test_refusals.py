import pytest

from etl.extract.refusals import reason_of


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"error":"You are not authorized to do this action"}', "it takes an administrator's token"),
        (
            b'{"errors":["You need to sign in or sign up before continuing."]}',
            "no token arrived: a proxy may drop its header",
        ),
        (b'{"error":"Account is suspended"}', "the account is suspended"),
        (b'{"error":"Something new"}', ""),
        (b'{"error":["Account is suspended"]}', "the account is suspended"),
        (b'{"error":{"Account is suspended":1}}', ""),
        (b'{"errors":[]}', ""),
        (b'["Account is suspended"]', ""),
        (b"<html>Account is suspended</html>", ""),
        (b"", ""),
        (b"\xff", ""),
    ],
)
def test_only_the_vendor_s_own_words_are_a_reason(body, reason):
    assert reason_of(body) == reason
