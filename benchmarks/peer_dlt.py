"""A peer: dlt's REST API source into PostgreSQL, merged by id, as its documentation shows it.

The messages of a conversation are a dependent resource. The vendor documents no paging for them ("list of all messages
in a conversation"), so that each is one request; what the server then leaves out, dlt cannot know of.
"""

import argparse
import json
import time
from typing import Any

import dlt
from dlt.destinations import postgres
from dlt.sources.rest_api import rest_api_source

STATUSES = ("open", "resolved", "pending", "snoozed")


def config(base_url: str, token: str) -> Any:
    """Describe the API: for each documented status a list of conversations, and their messages."""
    resources: list[dict[str, Any]] = []
    for status in STATUSES:
        listed = f"conversations_{status}"
        paginator = {"type": "page_number", "base_page": 1, "page_param": "page", "total_path": None}
        endpoint = {
            "path": "conversations",
            "params": {"status": status},
            "data_selector": "data.payload",
            "paginator": paginator | {"stop_after_empty_page": True},
        }
        messages = {
            "path": f"conversations/{{resources.{listed}.id}}/messages",
            "data_selector": "payload",
            "paginator": "single_page",
        }
        resources += [
            {"name": listed, "table_name": "conversations", "endpoint": endpoint},
            {"name": f"messages_{status}", "table_name": "messages", "endpoint": messages},
        ]
    return {
        "client": {
            "base_url": f"{base_url}/api/v1/accounts/1/",
            "auth": {"type": "api_key", "name": "api_access_token", "api_key": token, "location": "header"},
        },
        # Without `parallelized` dlt reads the histories one after the other.
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge", "parallelized": True},
        "resources": resources,
    }


def main() -> None:
    """Run once; print the seconds without imports as JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--base-url", required=True)
    options.add_argument("--token", required=True)
    options.add_argument("--database", required=True)
    options.add_argument("--folder", required=True, help="where dlt keeps its state between runs")
    options.add_argument("--file-format", default="csv", help="csv is COPY: faster than insert_values")
    options.add_argument("--nesting", type=int, default=None)
    given = options.parse_args()
    begun = time.perf_counter()
    pipeline = dlt.pipeline(
        "bench",
        pipelines_dir=given.folder,
        destination=postgres(credentials=given.database),
        dataset_name="bench",
    )
    source = rest_api_source(config(given.base_url, given.token), max_table_nesting=given.nesting)
    pipeline.run(source, loader_file_format=given.file_format)
    steps = {
        step.step: round((step.finished_at - step.started_at).total_seconds(), 3)
        for step in pipeline.last_trace.steps
        if step.finished_at
    }
    print(json.dumps({"seconds": time.perf_counter() - begun, **steps}))


if __name__ == "__main__":
    main()
