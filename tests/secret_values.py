"""A token and a password that nobody may be told, and who looks for them in what was told."""

from sqlalchemy import make_url

TOKEN = "kQ7vR2mXw9ZtB4nLc6HsY8dJ"
PASSWORD = "pa55Word-hG3kV8qN"


def with_password(url: str) -> str:
    """The same server; it trusts whoever comes, and so takes any password."""
    return make_url(url).set(password=PASSWORD).render_as_string(hide_password=False)


def no_secret(said: str) -> str:
    """Neither of the secrets, nor a piece of one that would be long enough to guess the rest of."""
    for secret in (TOKEN, PASSWORD):
        for at in range(len(secret) - 7):
            assert secret[at : at + 8] not in said, said
    return said
