"""Whatever a run may say, operations.md says what it means and what to do: problems, which make it 3, and notes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
# Rooms that yield sentences, and what these are.
YIELDED = {("odd_values", "notes"), ("calendar", "notes"), ("targets", "notes"), ("contract", "problems")}
PHRASE = re.compile(r"\*(\S[^*]*\S)\*")


def texts(value: ast.expr, module: ast.Module) -> Iterator[str]:
    """Yield what an expression may say, with dots for values; a name says whatever is assigned to it somewhere."""
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.JoinedStr):
        yield "".join(one.value if isinstance(one, ast.Constant) else "..." for one in value.values)
    elif isinstance(value, ast.Name):
        for one in ast.walk(module):
            if isinstance(one, ast.Assign) and ast.unparse(one.targets[0]) == value.id:
                yield from texts(one.value, module)


def said(kind: str) -> set[str]:
    """Return the sentences that are appended to problems or notes anywhere, or yielded as such."""
    found: set[str] = set()
    for path in (ROOT / "etl" / "run").rglob("*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        for one in ast.walk(module):
            if isinstance(one, ast.Call) and ast.unparse(one.func).endswith("append"):
                found |= set(texts(one.args[0], module)) if kind in ast.unparse(one.func) else set()
            elif isinstance(one, ast.Yield) and one.value and (path.stem, kind) in YIELDED:
                found |= set(texts(one.value, module))
    return found


@pytest.mark.parametrize(
    ("kind", "begin", "end", "least"),
    [("problems", "Exit 3, by what", "## What can go wrong", 18), ("notes", "- Notes:", "`etl runs` lists", 18)],
)
def test_every_sentence_of_a_run_is_explained(kind: str, begin: str, end: str, least: int) -> None:
    part = " ".join(OPERATIONS.partition(begin)[2].partition(end)[0].split())
    phrases = [".*".join(map(re.escape, phrase.split("..."))) for phrase in PHRASE.findall(part)]
    sentences = said(kind)
    assert len(sentences) >= least
    assert {one for one in sentences if not any(re.search(phrase, one) for phrase in phrases)} == set()
