"""Shows that the dashboard works: starts Superset with it on the demo's database, and asks each chart in each language.

What a chart answers has to be what plain SQL on the views says. `make dashboard` calls it, and has made Superset's own
environment before. Nothing listens beyond this machine, and nothing runs on afterwards. The pictures need Debian's
chromium and chromium-driver; without them the rest is done.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import assets
import compare
import requests
import yaml
from server import HERE, PROGRAMS, Failed, Superset, running
from sqlalchemy import Engine, make_url, text

from etl.database.engine import demo_address, make_engine, transaction
from etl.demo.generate import UNTIL
from etl.errors import EtlError
from etl.settings.settings import DatabaseSettings, inherited_environment, load
from etl.views.grants import grant

PICTURES = HERE.parent.parent / "docs"

SLUG = "helpdesk"
ROLE = "etl_dashboard"
DAY_FILTER = "NATIVE_FILTER-day"
HOW_TO_GET_CHROMIUM = "No picture: `apt-get install chromium chromium-driver`, then `make dashboard` again."


@contextmanager
def demo_database() -> Iterator[str]:
    """Fill the demo's database, and yield its address as a role that `etl grant` lets read; the role goes afterwards.

    The people in it are made up, so that the role may see them.
    """
    etl = Path(sys.executable).with_name("etl")
    subprocess.run([etl, "demo", "--json"], check=True, stdout=subprocess.DEVNULL)
    url = make_url(demo_address(load(DatabaseSettings)))
    engine = make_engine(url.render_as_string(hide_password=False))
    # A run that was killed has left the role.
    _execute(engine, f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$")
    try:
        grant(engine, ROLE, with_personal_data=True)
        yield url.set(drivername="postgresql+psycopg2", username=ROLE).render_as_string(hide_password=False)
    finally:
        grant(engine, ROLE, with_personal_data=False)
        _execute(engine, f"DROP OWNED BY {ROLE}", f"DROP ROLE {ROLE}")
        engine.dispose()


def _execute(engine: Engine, *statements: str) -> None:
    with transaction(engine) as connection:
        for one in statements:
            connection.execute(text(one))


def ask_charts(superset: Superset, engine: Engine, language: str) -> None:
    """Run every chart's query and print how many rows it gave; raises Failed where SQL has others, or there is none."""
    words = assets.words_in_figures(language)
    names = {one["slice_name"]: stem for stem, one in charts_in(language).items()}
    found = superset.get(f"dashboard/{SLUG}/charts")["result"]
    if {one["slice_name"] for one in found} != names.keys():
        raise Failed(f"The charts are not those of the export: {sorted(one['slice_name'] for one in found)}")
    for chart in sorted(found, key=lambda one: str(one["slice_name"])):
        results = superset.get(f"chart/{chart['id']}/data/")["result"]
        if errors := [one["error"] for one in results if one["error"]]:
            raise Failed(f"{chart['slice_name']}: {errors}")
        rows = [row for one in results for row in one["data"]]
        wanted = compare.rows_of(engine, names[chart["slice_name"]], lambda one: words.get(one, one))
        if wrong := compare.differences(rows, wanted):
            raise Failed(f"{chart['slice_name']}, against SQL:\n" + "\n".join(wrong[:10]))
        if not rows:
            raise Failed(f"Without a row: {chart['slice_name']}")
        print(f"{len(rows):7} rows, as SQL says  {chart['slice_name']}")


def charts_in(language: str) -> dict[str, dict[str, Any]]:
    """Return the charts of the export in a language by the names of their files."""
    files = assets.contents(language)
    return {Path(name).stem: yaml.safe_load(one) for name, one in files.items() if name.startswith("charts/")}


def take_picture(superset: Superset, picture: Path) -> None:
    """Photograph the dashboard with the demo's last 90 days and the runs since, from which the backlog is known."""
    until = datetime.now(UTC) + timedelta(days=1)
    days = f"{datetime.fromtimestamp(UNTIL, UTC) - timedelta(days=90):%Y-%m-%d} : {until:%Y-%m-%d}"
    mask = {"id": DAY_FILTER, "extraFormData": {"time_range": days}, "filterState": {"value": days}}
    link = superset.post(f"dashboard/{SLUG}/permalink", {"dataMask": {DAY_FILTER: mask}})["url"]
    subprocess.run(
        [PROGRAMS / "python", HERE / "browser.py", superset.address, link, picture],
        env=inherited_environment(BI_ADMIN_PASSWORD=superset.environment["BI_ADMIN_PASSWORD"]),
        check=True,
    )
    print(f"The picture is docs/{picture.name}, {picture.stat().st_size // 1024} KiB")


def show(superset: Superset, engine: Engine, language: str) -> None:
    """Ask every chart in a language, and take the picture of it, where Chromium is."""
    if language != assets.ENGLISH:
        superset.speak(language)
    ask_charts(superset, engine, language)
    if shutil.which("chromium") and shutil.which("chromedriver"):
        take_picture(
            superset, PICTURES / ("dashboard.png" if language == assets.ENGLISH else f"dashboard-{language}.png")
        )
    else:
        print(HOW_TO_GET_CHROMIUM)


def main() -> None:
    """Do it all; exit 1 with a sentence when something does not work."""
    try:
        with demo_database() as url, running(url) as superset:
            engine = make_engine(url)
            for language in assets.languages():
                show(superset, engine, language)
            engine.dispose()
    except (Failed, EtlError, subprocess.CalledProcessError, requests.RequestException) as error:
        sys.exit(f"make dashboard: {error}")


if __name__ == "__main__":
    main()
