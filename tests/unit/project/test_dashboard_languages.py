"""Holds the one catalogue of each language to all that is said from it: dashboards, metrics and views.

Each text has its translation, there is none too many, and nothing but texts changes.
"""

import importlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[3]
HE = ROOT / "bi" / "languages" / "he.yaml"
HEBREW = re.compile(r"[\u05d0-\u05ea]")


@pytest.fixture(scope="module")
def assets():
    """bi/superset/assets.py, as the scripts beside it import it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "bi" / "superset")
        yield importlib.import_module("assets")


def read(files: dict[str, str]) -> dict[str, Any]:
    return {name: yaml.load(text, Loader=yaml.CSafeLoader) for name, text in files.items()}


def without_texts(assets: Any, files: dict[str, Any]) -> dict[str, Any]:
    for asset in files.values():
        assets.changed(asset, lambda _: "")
        asset.pop("css", None)
        for one in asset.get("columns", []):
            # A literal is told from the tables' words by its capital letter, which Hebrew has not.
            one["expression"] = re.sub(rf"'[^']*{HEBREW.pattern}[^']*'", "''", one.get("expression", ""))
    return files


@pytest.fixture(scope="module")
def texts(assets):
    """Every English text of the dashboards, the metrics and the views."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        patch.syspath_prepend(ROOT / "bi" / "metabase")
        tables = importlib.import_module("parts.metrics_table")
        filters = importlib.import_module("pack").Pack("en").filters
    return {*assets.texts(), *tables.texts(), *(one.title for one in filters)}


def test_every_text_has_its_translation_and_there_is_none_too_many(assets, texts):
    assert assets.languages() == ["en", "he"]
    for language in assets.languages()[1:]:
        assert sorted(assets.words_of(language)["texts"]) == sorted(texts)


def test_there_is_one_catalogue_and_no_text_is_in_it_twice():
    assert [*(ROOT / "bi").rglob("he.y*ml")] == [HE]
    ((_, texts),) = [pair for pair in yaml.compose(HE.read_text(encoding="utf-8")).value if pair[0].value == "texts"]
    keys = [english.value for english, _ in texts.value]
    assert len(keys) > 600
    assert sorted(set(keys)) == sorted(keys)


def test_what_chatwoot_calls_by_a_word_of_its_own_is_called_so(assets):
    said = assets.words_of("he")["texts"]
    words = {"Conversations": "שיחות", "Resolved": "נפתרו", "Pending": "ממתינה", "Snoozed": "מושהית"}
    words |= {
        "Contacts": "אנשי קשר",
        "Agents": "נציגים",
        "Team": "צוות",
        "Private notes": "הערות פרטיות",
        "Template": "תבנית",
    }
    assert {one: said[one] for one in words} == words
    others = re.compile(r"פני(?:יה|ות)|סגיר|נסגר|הערות פנימיות")
    idiom = "בפנייה ראשונה"  # first contact
    assert [one for one in said.values() if others.search(one.replace(idiom, ""))] == []


def test_what_is_said_in_hebrew_is_hebrew(assets):
    texts = assets.words_of("he")["texts"]
    assert {one for one, said in texts.items() if not HEBREW.search(said)} == {"%d %b"}  # a date, in figures alone


def test_two_texts_are_two_in_hebrew_where_a_chart_or_table_has_both(assets):
    for name, asset in read(assets.contents("he")).items():
        for labels in (
            [one["meta"]["sliceName"] for one in asset["position"].values() if "meta" in one and "uuid" in one["meta"]]
            if name.startswith("dashboards/")
            else [],
            [one["verbose_name"] for one in asset.get("columns", []) if "expression" not in one],
            [one["verbose_name"] for one in asset.get("metrics", []) if not one["metric_name"].endswith("_hours")],
        ):
            assert sorted(set(labels)) == sorted(labels), name


def test_a_language_changes_texts_and_nothing_else(assets):
    english, hebrew = (without_texts(assets, read(assets.contents(language))) for language in ("en", "he"))
    assert hebrew == english


def test_the_dashboard_in_hebrew_goes_from_right_to_left(assets):
    assert "direction: rtl" in read(assets.contents("he"))["dashboards/helpdesk.yaml"]["css"]
    assert read(assets.contents("en"))["dashboards/helpdesk.yaml"]["css"] is None


@pytest.mark.parametrize(("value", "chosen"), [(None, "en"), ("", "en"), ("en", "en"), (" HE ", "he")])
def test_english_is_what_is_said_unless_etl_language_says_otherwise(value, chosen, assets, monkeypatch):
    monkeypatch.delenv("ETL_LANGUAGE", raising=False)
    if value is not None:
        monkeypatch.setenv("ETL_LANGUAGE", value)
    assert assets.chosen_language() == chosen


@pytest.mark.parametrize("language", ["fr", "../export/metadata"])
def test_a_language_without_texts_is_refused(language, assets):
    with pytest.raises(
        assets.UnknownLanguage, match=f"ETL_LANGUAGE={language}: the dashboard has texts in en, he only"
    ):
        assets.contents(language)


@pytest.mark.long
def test_a_zip_for_ones_own_superset_is_in_the_language_too(assets, monkeypatch, tmp_path):
    monkeypatch.setenv("ETL_LANGUAGE", "he")
    monkeypatch.setattr("sys.argv", ["assets.py", str(tmp_path / "helpdesk.zip")])
    assets.main()
    with zipfile.ZipFile(tmp_path / "helpdesk.zip") as packed:
        found = {name: packed.read(name).decode() for name in packed.namelist()}
    assert found == {f"export/{name}": text for name, text in assets.contents("he").items()}


@pytest.mark.long
def test_the_image_has_all_that_load_reads(assets, tmp_path):
    dockerfile = (ROOT / "bi" / "superset" / "Dockerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (.*) (/opt/\S+)$", dockerfile, re.MULTILINE)
    for line, to in copied:
        for one in line.split():
            source, target = ROOT / "bi" / one, tmp_path / to.lstrip("/")
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                target.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    placed = tmp_path / "opt" / "bi" / "superset"
    assert {"start.sh", "load.py", "superset_config.py"} <= {one.name for one in placed.iterdir()}
    command = [sys.executable, placed / "assets.py", tmp_path / "helpdesk.zip"]
    subprocess.run(command, env=os.environ | {"ETL_LANGUAGE": "he"}, check=True)
    with zipfile.ZipFile(tmp_path / "helpdesk.zip") as packed:
        found = {name.removeprefix("export/"): packed.read(name).decode() for name in packed.namelist()}
    assert found == assets.contents("he")
