"""Tries the dbt package on the demo's database: builds and tests it, and asks MetricFlow for every metric by day.

What MetricFlow answers has to be what plain SQL on the views says. `make dbt` calls it, and has made dbt's own
environment before. The profile, and what dbt writes, lie below build/.
"""

import csv
import math
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

import yaml
from sqlalchemy import URL, Engine, make_url, text

from etl.database.engine import demo_address, make_engine, transaction
from etl.settings.settings import DatabaseSettings, inherited_environment, load
from parts.dbt_metrics import metrics_in_dbt
from parts.metrics import Metric, day_of, source_of, sql_of

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "dbt"
PACKAGE = BUILD / "package"
SCHEMA = "dbt_demo"
VARIABLES = '{"helpdesk_tables": true}'

Days = dict[str, dict[str, float]]


def write_package(url: URL) -> None:
    """Copy the package, as mf looks for what dbt made beside it, and write a profile that leads to the database."""
    shutil.rmtree(PACKAGE, ignore_errors=True)
    shutil.copytree(HERE, PACKAGE, ignore=shutil.ignore_patterns("*.py", "dbt.*", "__pycache__"))
    target = {
        "type": "postgres",
        "host": url.host or url.query.get("host") or "localhost",
        "port": url.port or 5432,
        "user": url.username,
        "password": url.password or "",
        "dbname": url.database,
        "schema": SCHEMA,
        "threads": 2,
    }
    profile = {"helpdesk": {"target": "demo", "outputs": {"demo": target}}}
    (PACKAGE / "profiles.yml").write_text(yaml.safe_dump(profile), encoding="utf-8")


def run(program: str, *arguments: str) -> None:
    """Run dbt or mf in the package; nothing is reported to their makers."""
    environment = inherited_environment(DO_NOT_TRACK="1", DBT_PROFILES_DIR=str(PACKAGE))
    subprocess.run([BUILD / "env" / "bin" / program, *arguments], cwd=PACKAGE, env=environment, check=True)


def dbt(*arguments: str) -> None:
    """Run dbt; warnings of something outdated count as errors."""
    run("dbt", "--warn-error", "--quiet", *arguments, "--vars", VARIABLES)


def from_metricflow(metrics: list[Metric]) -> Days:
    """Return what MetricFlow answers: the known figures of each day by their metrics' names."""
    answer = BUILD / "answer.csv"
    names = [one.name for one in metrics]
    run("mf", "query", "--metrics", ",".join(names), "--group-by", "metric_time__day", "--csv", str(answer), "--quiet")
    with answer.open(encoding="utf-8", newline="") as lines:
        rows = [(one["metric_time__day"][:10], one) for one in csv.DictReader(lines)]
    return {day: {name: float(row[name]) for name in names if row[name]} for day, row in rows}


def from_sql(engine: Engine, metrics: list[Metric]) -> Days:
    """Return the same by plain SQL on the views."""
    names, day = [one.name for one in metrics], day_of(metrics[0])
    asked = ", ".join(f"{sql_of(one)} AS {one.name}" for one in metrics)
    with transaction(engine) as connection:
        rows = connection.exec_driver_sql(f"SELECT {day}, {asked} FROM {source_of(metrics[0].view)} GROUP BY 1").all()
    return {
        str(found or ""): {name: float(one) for name, one in zip(names, figures, strict=True) if one is not None}
        for found, *figures in rows
    }


def differences(one: Days, other: Days) -> Iterator[str]:
    """Yield a line for each figure that is not the same, or that only one of the two has."""
    for day in sorted(one.keys() | other.keys()):
        left, right = one.get(day, {}), other.get(day, {})
        for name in sorted(left.keys() | right.keys()):
            # What only one of the two has is equal to nothing.
            figures = left.get(name, math.nan), right.get(name, math.nan)
            if not math.isclose(*figures, rel_tol=1e-9, abs_tol=1e-9):
                yield f"{name} on {day}: {figures[0]}, and by SQL {figures[1]}"


def ask_every_metric(engine: Engine) -> None:
    """Ask for the metrics of each view, and print how many days each one has; exit 1 where SQL says something else."""
    metrics = sorted(metrics_in_dbt(), key=lambda one: (one.view, day_of(one)))
    for (view, _), found in groupby(metrics, key=lambda one: (one.view, day_of(one))):
        group = list(found)
        answered, wanted = from_metricflow(group), from_sql(engine, group)
        if wrong := list(differences(answered, wanted)):
            sys.exit(f"make dbt: {view}, MetricFlow against SQL:\n" + "\n".join(wrong[:10]))
        for one in group:
            days = sum(one.name in figures for figures in wanted.values())
            print(f"{days:7} days, as SQL says  {one.name}", flush=True)


def main() -> None:
    """Fill the demo's database, build the package on it and ask it; exit 1 when something is at fault."""
    try:
        subprocess.run([Path(sys.executable).with_name("etl"), "demo", "--json"], check=True, stdout=subprocess.DEVNULL)
        url = make_url(demo_address(load(DatabaseSettings)))
        engine = make_engine(url.render_as_string(hide_password=False))
        write_package(url)
        try:
            dbt("build")
            dbt("source", "freshness")
            ask_every_metric(engine)
        finally:
            with transaction(engine) as connection:
                connection.execute(text(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE"))
            engine.dispose()
    except subprocess.CalledProcessError as error:
        sys.exit(f"make dbt: {error}")


if __name__ == "__main__":
    main()
