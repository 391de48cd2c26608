"""What the client says of the vendor's answers, and how it is said without quoting them."""

import re

QUOTED = (
    # What a server answered, at the end of what client.py says.
    (
        re.compile(r"(the server answered \d+|the answer is no JSON|the answer is larger than \d+ MiB): .*", re.DOTALL),
        r"\1.",
    ),
    (re.compile(r"redirected to .*?\. The token", re.DOTALL), "redirected. The token"),
    (re.compile(r"([?&]q=)[^&:\s]*"), r"\1..."),
)


def without_quotes(said: str) -> str:
    """Return a sentence of a run without what it quotes of an answer, and without the term of a search."""
    for pattern, kept in QUOTED:
        said = pattern.sub(kept, said)
    return said
