"""A night of `etl sync` within its container, against a made-up account that is served there: for .ci/images."""

import json
import os
import subprocess
import sys

from etl.demo.generate import generate
from etl.demo.server import serve
from etl.demo.vendor import Vendor

with serve(Vendor(generate(60), token="demo-token")) as url:
    done = subprocess.run(
        ["etl", "sync", "--full", "--json"], env=os.environ | {"ETL_BASE_URL": url}, stdout=subprocess.PIPE, check=False
    )
if done.returncode != 0:
    sys.exit(f"etl sync ended with {done.returncode}: {done.stdout.decode()}")
summary = json.loads(done.stdout)
counts = summary["conversations"]
print(f"{summary['outcome']}: {counts['inserted']} conversations inserted, {counts['updated']} updated")
