"""Tries the DAG in an Airflow of its own: Airflow has to read it, and to find the tasks that are to be there.

`make airflow` calls it with the Python of that environment, and with AIRFLOW_HOME in it.
"""

import sys
from pathlib import Path

from airflow.dag_processing.dagbag import DagBag

HERE = Path(__file__).resolve().parent


def main() -> None:
    """Let Airflow read the file; exit 1 when it cannot, or finds something else than the DAG."""
    found = DagBag(HERE / "etl_99digital.py")
    for file, said in found.import_errors.items():
        print(f"{file}: {said}", file=sys.stderr)
    if found.import_errors or list(found.dags) != ["etl_99digital"]:
        sys.exit("make airflow: Airflow does not read the DAG")
    dag = found.dags["etl_99digital"]
    told = {one.task_id: sorted(one.downstream_task_ids) for one in dag.tasks}
    print(f"{dag.dag_id}: {told}")
    if told != {"accounts": ["sync"], "migrate": ["sync"], "sync": []}:
        sys.exit("make airflow: the tasks of the DAG are others")


if __name__ == "__main__":
    main()
