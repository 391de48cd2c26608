"""Holds the house to its own limits, as far as ruff does not: CONTRIBUTING.md, "Limits"."""

import ast
import re
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAMS = [*(one for name in ("etl", "docs", "bi", "deploy", "benchmarks") for one in (ROOT / name).rglob("*.py"))]
PROGRAMS += [ROOT / "migrations" / "env.py"]
TESTS = [*(ROOT / "tests").rglob("*.py")]
Function = ast.FunctionDef | ast.AsyncFunctionDef
MOST_LINES, MOST_LINES_OF_TESTS, MOST_LINES_OF_A_FUNCTION, MOST_ATTRIBUTES = 250, 500, 30, 12

# Of each of these the parts of the program have their own, as others do.
NAMES_FOR_EACH = {"log"}

# A record of what was done, with two conversions of all of it, and the rows of a page with what there is to tell of
# them: as wide as that is.
WIDE_RECORDS = {"etl/load/tally.py: Tally", "etl/transform/batch.py: Batch"}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def functions() -> Iterator[tuple[str, Function]]:
    for path in PROGRAMS:
        for one in ast.walk(tree_of(path)):
            if isinstance(one, Function):
                yield f"{name_of(path)}: {one.name}", one


def length_of(function: Function) -> int:
    """The lines of the body, without the docstring: a signature has a limit of its own, and words are no code."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def acts(one: ast.ClassDef) -> bool:
    """Whether a class has methods of its own and can change: records, tables and settings are as wide as need be."""
    is_frozen = any("frozen=True" in ast.unparse(decorator) for decorator in one.decorator_list)
    methods = [inner for inner in one.body if isinstance(inner, Function) and not inner.decorator_list]
    return not is_frozen and any(not method.name.startswith("__") for method in methods)


def attributes_of(one: ast.ClassDef) -> set[str]:
    """Its fields, and what its methods set on `self`."""
    fields = {inner.target.id for inner in one.body if isinstance(inner, ast.AnnAssign)} - {"_"}
    stored = (inner for inner in ast.walk(one) if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store))
    return fields | {inner.attr for inner in stored if ast.unparse(inner.value) == "self"}


def public_names(path: Path) -> Iterator[str]:
    for one in tree_of(path).body:
        if isinstance(one, Function | ast.ClassDef):
            names = [one.name]
        elif isinstance(one, ast.Assign):
            names = [inner.id for target in one.targets for inner in ast.walk(target) if isinstance(inner, ast.Name)]
        else:
            names = [one.target.id] if isinstance(one, ast.AnnAssign) else []
        yield from (name for name in names if not name.startswith("_"))


@pytest.mark.parametrize(("paths", "most"), [(PROGRAMS, MOST_LINES), (TESTS, MOST_LINES_OF_TESTS)], ids=["", "tests"])
def test_files_are_short(paths, most):
    long = {name_of(path) for path in paths if path.read_text(encoding="utf-8").count("\n") > most}
    assert long == set()


def test_functions_are_short():
    assert {name for name, one in functions() if length_of(one) > MOST_LINES_OF_A_FUNCTION} == set()


def test_a_class_that_acts_has_few_attributes():
    classes = ((path, one) for path in PROGRAMS for one in ast.walk(tree_of(path)) if isinstance(one, ast.ClassDef))
    large = {
        f"{name_of(path)}: {one.name}"
        for path, one in classes
        if acts(one) and len(attributes_of(one)) > MOST_ATTRIBUTES
    }
    assert large - WIDE_RECORDS == set()


def test_every_suppression_has_its_reason_on_the_line():
    unexplained = [
        f"{name_of(path)}, line {number}: {line.strip()}"
        for path in PROGRAMS
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"# *(?:noqa|type: *ignore|mypy:|ruff:)(?!.* -- \w)", line)
    ]
    assert unexplained == []


def test_every_rule_that_is_left_out_has_its_reason_on_the_line_or_above_it():
    rules = (
        (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\nignore = [")[2].partition("[tool.mypy]")[0]
    )
    lines = rules.splitlines()
    left_out = [at for at, line in enumerate(lines) if re.match(r' +"[A-Z]+\d+",|"[\w/.*]+" = \[', line)]
    assert len(left_out) > 10
    assert [lines[at] for at in left_out if "#" not in lines[at] and not lines[at - 1].startswith("#")] == []


def test_no_room_is_named_for_what_finds_no_place_elsewhere():
    assert [name_of(path) for path in PROGRAMS if re.search("util|helper|common|manager|misc", path.stem)] == []


def test_no_test_uses_a_mock():
    imports = (line for path in TESTS for line in path.read_text(encoding="utf-8").splitlines() if "import" in line)
    assert [line for line in imports if re.match(r"\s*(from|import) .*\bmock", line)] == []


def test_contributing_tells_the_limits_as_they_are():
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]["pylint"]
    ours = [MOST_LINES, MOST_LINES_OF_TESTS, MOST_LINES_OF_A_FUNCTION]
    ruffs = [lint[f"max-{name}"] for name in ("statements", "args", "branches", "returns", "nested-blocks", "locals")]
    told = re.findall(r"^\| .* \| (\d+) \|$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert [int(one) for one in told] == [*ours, *ruffs, lint["max-bool-expr"], MOST_ATTRIBUTES]


@pytest.mark.parametrize("wing", ["", *sorted({one.parent.name for one in (ROOT / "etl").glob("*/*.py")})])
def test_a_name_means_one_thing_in_a_wing(wing):
    rooms = (ROOT / "etl" / wing).glob("*.py")
    names = Counter(name for room in rooms for name in set(public_names(room)) - NAMES_FOR_EACH)
    assert {f"{wing}: {name}" for name, rooms in names.items() if rooms > 1} == set()
