"""Markdown: a table, and a part of a text between its marks."""

from collections.abc import Iterable, Sequence


def replace_part(text: str, name: str, part: str) -> str:
    """Return the text with another part between `<!-- name -->` and `<!-- /name -->`."""
    begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
    before, found_begin, rest = text.partition(begin)
    _, found_end, after = rest.partition(end)
    if not (found_begin and found_end):
        raise ValueError(f"the text has no part between {begin} and {end}")
    return f"{before}{begin}\n{part}{end}{after}"


def markdown_table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table, one line a row."""
    lines = [names, ["---"] * len(names), *([one.replace("|", r"\|") for one in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
