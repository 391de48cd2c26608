"""The texts of the dashboard in each language, from the one catalogue that Superset's has (`../languages`)."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "superset"))

import assets
import yaml
from assets import UnknownLanguage, chosen_language

__all__ = ["UnknownLanguage", "chosen_language", "in_all_languages", "read", "said", "superset", "texts_of"]


def read(text: str) -> Any:
    """Return what a text of YAML says."""
    return yaml.load(text, Loader=assets.LOADER)


@cache
def texts_of(language: str) -> dict[str, str]:
    """Return the texts of a language by the English ones."""
    return dict(assets.words_of(language)["texts"])


def in_all_languages(text: str) -> frozenset[str]:
    """Return an English text in every language that there is."""
    return frozenset(texts_of(language).get(text, text) for language in assets.languages())


@cache
def superset(language: str) -> dict[str, Any]:
    """Return the files of the dashboard for Superset by their names, parsed, in a language."""
    return {name: read(text) for name, text in assets.contents(language).items()}


def said(sql: str, say: Callable[[str], str]) -> str:
    """Return SQL with what `say` makes of the literals in it that are texts: those with a capital letter."""
    node = {"expression": sql}
    assets.changed(node, say)
    return node["expression"]
