"""Reads the export beside this file in one of the languages, and packs it for a Superset that you have.

The charts are there once, with English texts; `../languages/he.yaml` has the Hebrew for each text, and so on.
`ETL_LANGUAGE=he python assets.py helpdesk.zip` writes what Superset's "Import" takes.
"""

import os
import re
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
EXPORT, LANGUAGES = HERE / "export", HERE.parent / "languages"
ENGLISH = "en"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the former is not in every build, and ten times as fast

# Where an asset keeps what people read. Descriptions of columns are read by who makes charts, and stay as they are;
# those of figures and views are everybody's.
TEXT_KEYS = frozenset(
    {"dashboard_title", "slice_name", "sliceName", "verbose_name", "text", "subtitle", "x_axis_title", "y_axis_title"}
    | {"x_axis_time_format"}
)
DESCRIBED = ("dashboard_title", "slice_name", "filterType", "metric_name", "table_name")
# In an expression that a dataset adds, a literal with a capital letter is a text; the others are what the views say.
LITERAL = re.compile(r"'((?:[^']|'')*)'")


class UnknownLanguage(Exception):
    """ETL_LANGUAGE names a language that has no texts."""


def languages() -> list[str]:
    """Return the names of the languages that there are."""
    return [ENGLISH, *sorted(file.stem for file in LANGUAGES.glob("*.yaml"))]


def chosen_language() -> str:
    """Return what ETL_LANGUAGE says; where it is not set, or empty, English."""
    return os.environ.get("ETL_LANGUAGE", "").strip().lower() or ENGLISH


def words_of(language: str) -> dict[str, Any]:
    """Return what a language has: `texts` by the English ones, and `css` of the dashboard."""
    if language not in languages():
        raise UnknownLanguage(f"ETL_LANGUAGE={language}: the dashboard has texts in {', '.join(languages())} only")
    if language == ENGLISH:
        return {"css": None, "texts": {}}
    words: dict[str, Any] = _read((LANGUAGES / f"{language}.yaml").read_text(encoding="utf-8"))
    return words


def contents(language: str = ENGLISH) -> dict[str, str]:
    """Return the export's files by their names in it, with the texts in this language."""
    words = words_of(language)
    files = {str(file.relative_to(EXPORT)): file.read_text(encoding="utf-8") for file in EXPORT.rglob("*.yaml")}
    if language == ENGLISH:
        return files
    return {name: _said(name, text, words) for name, text in files.items()}


def _read(text: str) -> Any:
    return yaml.load(text, Loader=LOADER)


def _said(name: str, text: str, words: dict[str, Any]) -> str:
    asset = _read(text)
    changed(asset, lambda one: words["texts"].get(one, one))
    if name.startswith("dashboards/"):
        asset["css"] = words["css"]
    written: str = yaml.safe_dump(asset, sort_keys=False, allow_unicode=True)
    return written


def changed(asset: Any, say: Callable[[str], str]) -> None:
    """Put in the place of every text of an asset what `say` makes of it."""
    for node in _dicts(asset):
        described = any(key in node for key in DESCRIBED)
        for key, value in node.items():
            if not isinstance(value, str) or not value:
                continue
            is_text = (
                key in TEXT_KEYS or (key == "description" and described) or (key == "name" and "filterType" in node)
            )
            if is_text:
                node[key] = say(value)
            elif key == "expression":
                node[key] = LITERAL.sub(lambda found: _literal(found, say), value)


def _literal(found: re.Match[str], say: Callable[[str], str]) -> str:
    value = found[1].replace("''", "'")
    if value == value.lower():
        return found[0]
    return "'" + say(value).replace("'", "''") + "'"


def words_in_figures(language: str) -> dict[str, str]:
    """Return what charts answer in this language by the English words: the literals of expressions."""
    texts = words_of(language)["texts"]
    nodes = (node for text in contents().values() for node in _dicts(_read(text)))
    literals = {one for node in nodes for one in LITERAL.findall(str(node.get("expression", "")))}
    return {one: texts[one] for one in literals if one in texts}


def _dicts(asset: Any) -> Iterator[dict[str, Any]]:
    if isinstance(asset, dict):
        yield asset
    for one in asset.values() if isinstance(asset, dict) else asset if isinstance(asset, list) else ():
        yield from _dicts(one)


def texts() -> set[str]:
    """Return every English text of the export."""
    found: set[str] = set()

    def keep(one: str) -> str:
        found.add(one)
        return one

    for text in contents().values():
        changed(_read(text), keep)
    return found


def main() -> None:
    """Write the zip that the first argument names."""
    (name,) = sys.argv[1:] or ["helpdesk.zip"]
    try:
        files = contents(chosen_language())
    except UnknownLanguage as error:
        sys.exit(str(error))
    with zipfile.ZipFile(name, "w", zipfile.ZIP_DEFLATED) as packed:
        for file, text in sorted(files.items()):
            packed.writestr(f"export/{file}", text)


if __name__ == "__main__":
    main()
