"""Tries the sources for dbt on the demo's database: dbt has to read them, and to find the last run fresh.

`make dbt` calls it, and has made dbt's own environment before. The project that dbt asks for is made below build/.
"""

import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from sqlalchemy import URL, make_url

from etl.database.engine import demo_address
from etl.settings.settings import DatabaseSettings, inherited_environment, load

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "dbt"
PROJECT = BUILD / "project"


def make_project(url: URL) -> None:
    """Write a project that has the sources and nothing else, and a profile that leads to the database."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    (PROJECT / "models").mkdir(parents=True)
    shutil.copy(HERE / "sources.yml", PROJECT / "models")
    target = {
        "type": "postgres",
        "host": url.host or url.query.get("host") or "localhost",
        "port": url.port or 5432,
        "user": url.username,
        "password": url.password or "",
        "dbname": url.database,
        "schema": "dbt",
    }
    _write("profiles.yml", {"demo": {"target": "demo", "outputs": {"demo": target}}})
    _write("dbt_project.yml", {"name": "demo", "version": "1.0.0", "profile": "demo"})


def _write(name: str, content: object) -> None:
    (PROJECT / name).write_text(yaml.safe_dump(content), encoding="utf-8")


def dbt(*arguments: str) -> None:
    """Run dbt in the project; warnings of something outdated count as errors. Nothing is reported to its makers."""
    environment = inherited_environment(DO_NOT_TRACK="1", DBT_PROFILES_DIR=str(PROJECT))
    subprocess.run(
        [BUILD / "env" / "bin" / "dbt", "--warn-error", *arguments], cwd=PROJECT, env=environment, check=True
    )


def main() -> None:
    """Fill the demo's database and let dbt look; exit 1 when it finds fault."""
    try:
        subprocess.run([Path(sys.executable).with_name("etl"), "demo", "--json"], check=True, stdout=subprocess.DEVNULL)
        make_project(make_url(demo_address(load(DatabaseSettings))))
        dbt("parse")
        dbt("source", "freshness")
    except subprocess.CalledProcessError as error:
        sys.exit(f"make dbt: {error}")


if __name__ == "__main__":
    main()
