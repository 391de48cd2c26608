"""Holds the alerts for Prometheus to the metrics and commands that there are; promtool tries them."""

import re
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer.main
import yaml

from etl.commands import main
from etl.exit_codes import Outcome
from etl.monitoring import metrics
from tests.waits import LONGEST

ROOT = Path(__file__).parents[3]
ALERTS, TRIED = ROOT / "bi" / "prometheus" / "alerts.yml", ROOT / "bi" / "prometheus" / "alerts_test.yml"
PROMTOOL = shutil.which("promtool")
(GROUP,) = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"]
RULES = {one["alert"]: one for one in GROUP["rules"]}
WRITTEN = {metrics.LAST_COMPLETE[0], metrics.LAST_WALK[0], *metrics.OF_A_RUN}


def metrics_in(text: str) -> set[str]:
    return set(re.findall(r"\betl_[a-z_]+\b", text))


def values_of(label: str) -> set[str]:
    """The values of a label that the alerts ask for."""
    asked = re.findall(rf'\b{label}=~?"([^"]+)"', " ".join(one["expr"] for one in RULES.values()))
    return {value for one in asked for value in one.split("|")}


@pytest.mark.parametrize("file", [ALERTS, TRIED], ids=lambda file: file.name)
def test_every_metric_that_an_alert_asks_for_is_one_that_is_written(file):
    found = metrics_in(file.read_text(encoding="utf-8"))
    assert len(found) > 5
    assert found - WRITTEN == set()


def test_every_value_of_a_label_that_an_alert_asks_for_is_one_that_is_written():
    nothing = dict.fromkeys(("finished_at", "requests", "retries", "counts", "rejected", "audit", *metrics.LEDGER))
    states = {
        labels["state"] for labels, _ in metrics.OF_A_RUN["etl_run_conversation_ids"][1](SimpleNamespace(**nothing))
    }
    assert values_of("outcome") == {Outcome.FAILED, Outcome.INCOMPLETE}
    assert values_of("kind") == {"sync", "backfill"}
    assert values_of("state") <= states


@pytest.mark.parametrize("name", RULES)
def test_an_alert_waits_is_weighed_and_says_what_happened_and_what_to_do(name):
    rule = RULES[name]
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in {"critical", "warning"}
    assert set(rule["annotations"]) == {"summary", "description"}
    assert ("$labels.account_id" in rule["annotations"]["summary"]) is (name != "EtlNoMetrics")
    assert all(one.endswith(".") for one in rule["annotations"].values())


def test_every_command_and_option_that_an_alert_names_is_one_of_etl():
    commands = typer.main.get_command(main.app).commands
    told = " ".join(one["annotations"]["description"] for one in RULES.values())
    named = re.findall(r"`(?:\w+=\S+ )?etl (\w+)((?: --[\w-]+)?)[^`]*`", told)
    assert len(named) == told.count("etl ") - told.count("of etl ")
    for command, option in named:
        known = {one for param in commands[command].params for one in param.opts}
        assert not option or option.strip() in known


def test_every_alert_is_tried():
    assert [name for name in RULES if name not in TRIED.read_text(encoding="utf-8")] == []


@pytest.mark.long
@pytest.mark.skipif(not PROMTOOL, reason="promtool is not installed: apt-get install prometheus")
@pytest.mark.parametrize("arguments", [("check", "rules", str(ALERTS)), ("test", "rules", str(TRIED))])
def test_promtool_agrees(arguments):
    done = subprocess.run([PROMTOOL, *arguments], check=False, capture_output=True, text=True, timeout=LONGEST)
    assert done.returncode == 0, done.stdout + done.stderr
