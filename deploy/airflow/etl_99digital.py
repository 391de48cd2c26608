"""The nightly run as a DAG of Airflow 3: the tables first, then one task an account.

Copy this file into the folder of the DAGs. It needs etl on the workers, installed in FOLDER as docs/operations.md says;
settings and secrets are there, in `.env`, and none of them is known to Airflow.
"""

import tomllib
from datetime import timedelta
from pathlib import Path

import pendulum
from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import dag, task

FOLDER = Path("/srv/etl")
ACCOUNTS = FOLDER / "accounts.toml"  # the file that ETL_ACCOUNTS names
ETL = FOLDER / ".venv" / "bin" / "etl"

AGAIN = {
    "retries": 3,
    "retry_delay": timedelta(minutes=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(hours=2),
}


@task
def accounts() -> list[dict[str, str]]:
    """Return each account's number, as the environment of its task."""
    tables = tomllib.loads(ACCOUNTS.read_text(encoding="utf-8-sig"))["account"]
    return [{"ACCOUNT": str(one["id"])} for one in tables]


@dag(
    # Not between 01:00 and 03:00: the nights on which the clock changes have these hours twice or not at all.
    schedule="30 3 * * *",
    start_date=pendulum.datetime(2026, 1, 1, tz="Asia/Jerusalem"),
    catchup=False,  # the night after a missed one reads everything that the missed one would have read
    max_active_runs=1,
    default_args=AGAIN,
    tags=["99digital"],
)
def etl_99digital() -> None:
    """Bring the tables to this version, then read every account."""
    migrate = BashOperator(task_id="migrate", bash_command=f"{ETL} migrate", cwd=str(FOLDER))
    sync = BashOperator.partial(
        task_id="sync",
        bash_command=f'{ETL} sync --account "$ACCOUNT" --json',
        cwd=str(FOLDER),
        append_env=True,
        # The vendor's limit counts by address: more at once would only wait for one another.
        max_active_tis_per_dagrun=2,
        # Exit code 4: another run of this account goes on, and does the work.
        skip_on_exit_code=4,
        map_index_template="account {{ task.env['ACCOUNT'] }}",
    ).expand(env=accounts())
    migrate >> sync


etl_99digital()
