"""Holds what is in deploy/ and the container files to the code, and has their own tools look at them."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
import yaml

from etl.commands import main
from etl.settings.settings import Settings, variable_name

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy"
UNITS = ("etl.service", "etl.timer", "etl-worker.service")
VARIABLES = {variable_name(Settings, name) for name in Settings.model_fields}
OF_THE_DASHBOARD = {"ETL_LANGUAGE"}  # bi/superset reads it
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
MANIFESTS = [
    one
    for name in ("etl.yaml", "worker.yaml")
    for one in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text(encoding="utf-8"))
]
DAG = DEPLOY / "airflow" / "etl_99digital.py"
NOT_HERE = "is not on this machine"


def texts() -> dict[str, str]:
    """Everything that somebody deploys, but for locks."""
    files = [one for one in DEPLOY.rglob("*") if one.suffix in {".service", ".timer", ".yaml", ".py"}]
    named = [*files, ROOT / "docker-compose.yml", ROOT / "Dockerfile", ROOT / "docs" / "operations.md"]
    return {one.name: one.read_text(encoding="utf-8") for one in named}


def called(text: str) -> list[list[str]]:
    """The command lines of etl in a text, as words; in the DAG the program is called {ETL}."""
    found = re.findall(r"(?:\.venv/bin/etl|run --rm etl|\{ETL\}|etl-99digital) ([a-z][\w -]*)", text)
    return [one.split() for one in found]


def job() -> dict:
    return next(one for one in MANIFESTS if one["kind"] == "CronJob")["spec"]["jobTemplate"]["spec"]


def pods() -> list[dict]:
    worker = next(one for one in MANIFESTS if one["kind"] == "Deployment")["spec"]
    return [one["template"]["spec"] for one in (job(), worker)]


def containers() -> list[dict]:
    return [one for pod in pods() for one in (*pod["initContainers"], *pod["containers"])]


def command_lines() -> list[list[str]]:
    told = [line for text in texts().values() for line in called(text)]
    told += [one["args"] for one in containers()]
    told += [one["command"] for one in COMPOSE["services"].values() if one.get("image") == "etl-99digital"]
    health = re.search(r'HEALTHCHECK .* CMD \["etl", (.*)\]', texts()["Dockerfile"])[1]
    return [*told, re.findall(r'"([^"]+)"', health)]


def test_every_command_and_option_that_is_deployed_is_one_of_etl():
    commands = typer.main.get_command(main.app).commands
    lines = command_lines()
    unknown = []
    for name, *words in lines:
        known = {option for one in commands[name].params for option in one.opts} if name in commands else set()
        unknown += [f"{name} {word}" for word in words if word.startswith("--") and word not in known]
        unknown += [] if name in commands else [name]
    assert set(unknown) == set()
    assert {"sync", "migrate", "check", "runs", "demo", "backfill"} <= {one[0] for one in lines}


def test_every_variable_that_is_deployed_is_a_setting():
    text = "\n".join(text for name, text in texts().items() if name != "operations.md")
    assert set(re.findall(r"\b(?:ETL_[A-Z_]+|DATABASE_URL\w*)", text)) - VARIABLES - OF_THE_DASHBOARD == set()


def test_no_secret_is_in_a_variable_where_a_file_can_hold_it():
    handed = {
        "compose": set(COMPOSE["services"]["etl"]["environment"]),
        "kubernetes": set(next(one for one in MANIFESTS if one["kind"] == "ConfigMap")["data"]),
        "systemd": set(re.findall(r"^Environment=(\w+)=", texts()["etl.service"], re.MULTILINE)),
    }
    for names in handed.values():
        assert names >= {"ETL_API_TOKEN_FILE", "DATABASE_URL_FILE"}
        assert not names & {"ETL_API_TOKEN", "DATABASE_URL", "POSTGRES_PASSWORD", "PGPASSWORD"}


def test_the_hour_is_the_same_everywhere_and_no_clock_change_has_it():
    assert re.findall(r"^OnCalendar=(.*)$", texts()["etl.timer"], re.MULTILINE) == ["*-*-* 03:30:00 Asia/Jerusalem"]
    cron = next(one for one in MANIFESTS if one["kind"] == "CronJob")["spec"]
    assert (cron["schedule"], cron["timeZone"], cron["concurrencyPolicy"]) == ("30 3 * * *", "Asia/Jerusalem", "Forbid")
    assert 'schedule="30 3 * * *"' in DAG.read_text(encoding="utf-8")
    in_documents = re.findall(r"^\d+ \d+ \* \* \*", texts()["operations.md"], re.MULTILINE)
    assert "30 3 * * *" in in_documents


# --- systemd --------------------------------------------------------------------------------------------------------


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if not (program := shutil.which("systemd-analyze")):
        pytest.skip(f"systemd-analyze {NOT_HERE}")
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_systemd_finds_no_fault_with_the_units(tmp_path):
    """With this machine's program in place of the one in /srv/etl, which systemd wants to see."""
    here = str(Path(sys.executable).with_name("etl")).replace("%", "%%")
    for name in UNITS:
        text = texts()[name].replace("/srv/etl/.venv/bin/etl", f'"{here}"')  # a path may have spaces
        (tmp_path / name).write_text(text, encoding="utf-8")
    done = systemd_analyze("verify", "--man=no", *(str(tmp_path / name) for name in UNITS))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if str(tmp_path) in line or "etl." in line]
    assert (ours, done.returncode) == ([], 0)


def test_systemd_reads_the_hour():
    (calendar,) = re.findall(r"^OnCalendar=(.*)$", texts()["etl.timer"], re.MULTILINE)
    done = systemd_analyze("calendar", "--base-time=2026-03-26 12:00:00 UTC", "--iterations=3", calendar)
    assert done.returncode == 0, done.stderr
    # The clock is put forward at 02:00 on 27 March.
    times = re.findall(r"(?:Next elapse|Iter\. #\d|\(in UTC\)): \w+ (\S+ \S+) UTC", done.stdout)
    assert times == ["2026-03-27 00:30:00", "2026-03-28 00:30:00", "2026-03-29 00:30:00"]


@pytest.mark.parametrize("unit", ["etl.service", "etl-worker.service"])
def test_systemd_calls_the_services_well_protected(unit):
    done = systemd_analyze("security", "--offline=true", "--threshold=20", str(DEPLOY / "systemd" / unit))
    assert done.returncode == 0, done.stdout[-300:] + done.stderr


@pytest.mark.parametrize("unit", ["etl.service", "etl-worker.service"])
def test_systemd_refuses_no_start_however_often_it_was_started(unit):
    """By default it counts starts by hand, too, and the night's would be refused after a few."""
    assert re.findall(r"^StartLimit.*$", texts()[unit], re.MULTILINE) == ["StartLimitIntervalSec=0"]


@pytest.mark.parametrize(("tries", "stops"), [(0, False), (2, False), (3, True)])
def test_the_service_is_tried_again_three_times(tmp_path, tries, stops):
    """Its own line, with a systemctl that tells how often it was; it was seen to hold in a booted system."""
    line = re.search(r"^ExecStopPost=\+/bin/sh -c '(.*)'$", texts()["etl.service"], re.MULTILINE)[1]
    called = tmp_path / "called"
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\n[ "$1" = show ] && echo {tries} || echo "$@" > {called}\n')
    (tmp_path / "systemctl").chmod(0o755)
    command = ["/bin/sh", "-c", line.replace("%n", "etl.service")]
    subprocess.run(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True, timeout=60)
    assert called.exists() == stops
    assert not stops or called.read_text() == "stop --no-block etl.service\n"


# --- Kubernetes -----------------------------------------------------------------------------------------------------


@pytest.mark.long
@pytest.mark.parametrize("version", ["1.31.0", "1.37.0"])
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda one: one["kind"])
def test_kubernetes_knows_every_field(manifest, version):
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {NOT_HERE}")
    validate.validate(manifest, version, strict=True)


def test_the_schema_would_notice_a_field_that_is_none():
    validate = pytest.importorskip("kubernetes_validate", reason=f"kubernetes-validate {NOT_HERE}")
    with pytest.raises(validate.ValidationError):
        validate.validate({"apiVersion": "batch/v1", "kind": "CronJob", "spec": {"timezone": "UTC"}}, "1.34.0", True)


def test_what_the_containers_refer_to_is_there():
    names = {(one["kind"], one["metadata"]["name"]) for one in MANIFESTS}
    job_volumes, worker_volumes = ({one["name"]: one for one in pod["volumes"]} for pod in pods())
    assert job_volumes == worker_volumes
    settings = next(one for one in MANIFESTS if one["kind"] == "ConfigMap")["data"]
    for one in containers():
        assert {("ConfigMap", ref["configMapRef"]["name"]) for ref in one["envFrom"]} <= names
        mounts = {mount["name"]: mount["mountPath"] for mount in one["volumeMounts"]}
        assert mounts.keys() == job_volumes.keys()
        for variable in ("ETL_API_TOKEN_FILE", "DATABASE_URL_FILE"):
            assert Path(settings[variable]).parent == Path(mounts["secrets"])


def test_the_pods_have_no_rights_and_the_user_of_the_image():
    user = int(re.search(r"^USER (\d+)$", texts()["Dockerfile"], re.MULTILINE)[1])
    for pod in pods():
        assert pod["securityContext"]["runAsNonRoot"]
        assert {pod["securityContext"][key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {user}
    for one in containers():
        assert one["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert one["resources"]["requests"]
        assert "memory" in one["resources"]["limits"]


def test_only_exit_code_1_is_tried_again():
    rules = job()["podFailurePolicy"]["rules"]
    (fatal,) = [one["onExitCodes"]["values"] for one in rules if one["action"] == "FailJob"]
    assert fatal == [2, 3, 4]
    prevented = re.search(r"^RestartPreventExitStatus=(.*)$", texts()["etl.service"], re.MULTILINE)[1]
    assert [int(one) for one in prevented.split()] == fatal


# --- Docker ---------------------------------------------------------------------------------------------------------


def test_every_secret_of_a_service_is_a_file_of_its_own():
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    assert {name: one["file"] for name, one in COMPOSE["secrets"].items()} == {
        name: f"./secrets/{name}" for name in ("api_token", "database_url", "postgres_password")
    }
    assert "secrets/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_whoever_watches_is_told_of_each_service_of_the_job():
    job = {name: one for name, one in COMPOSE["services"].items() if "api_token" in one.get("secrets", [])}
    assert {"etl", "migrate"} <= job.keys()
    for service in job.values():
        assert {"ETL_PING_URL", "ETL_METRICS_FILE"} <= service["environment"].keys()
        assert "metrics:/var/lib/etl-metrics" in service["volumes"]
    # A new volume has owner and rights of the image's folder: the job writes in it, and others read.
    assert "--owner=etl --group=etl --mode=0755 /var/lib/etl-metrics " in texts()["Dockerfile"]
    assert "/var/lib/etl-metrics/etl-{account_id}.prom" in texts()["operations.md"]
    assert "metrics" in COMPOSE["volumes"]


def test_the_way_out_is_handed_to_each_service_of_the_job_and_named_in_units_and_pods():
    ways = {"HTTPS_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE"}
    job = [one for one in COMPOSE["services"].values() if "api_token" in one.get("secrets", [])]
    assert [one for one in job if not ways <= one["environment"].keys()] == []
    for name in ("etl.service", "etl-worker.service", "etl.yaml"):
        assert {way for way in ways if way not in texts()[name]} == set()


def test_the_image_copies_only_what_is_let_into_it():
    copied = [
        one
        for line in re.findall(r"^COPY (?!--)(.+) \S+$", texts()["Dockerfile"], re.MULTILINE)
        for one in line.split()
    ]
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(encoding="utf-8"), re.MULTILINE)
    assert sorted(copied) == sorted(allowed)


def test_the_runs_wait_for_the_migration_and_the_migration_for_the_database():
    waits = {name: one.get("depends_on", {}) for name, one in COMPOSE["services"].items()}
    assert waits["etl"] == waits["worker"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert waits["migrate"] == {"db": {"condition": "service_healthy"}}
    assert {name: one["profiles"] for name, one in COMPOSE["services"].items() if "profiles" in one} == {
        "etl": ["etl"],
        "demo": ["demo"],
        "superset": ["bi"],
    }


def compose() -> list[str]:
    """Return how Compose is called here: as docker's own command, or as the program that it was before."""
    docker, before = shutil.which("docker"), shutil.which("docker-compose")
    if docker:
        asked = subprocess.run([docker, "compose", "version"], capture_output=True, timeout=60, check=False)
        if asked.returncode == 0:
            return [docker, "compose"]
    return [before] if before else []


@pytest.mark.parametrize(
    ("here", "found"),
    [
        ({"docker": 0}, ["docker", "compose"]),
        ({"docker": 1, "docker-compose": 0}, ["docker-compose"]),
        ({"docker": 0, "docker-compose": 0}, ["docker", "compose"]),
        ({"docker": 1}, []),
        ({}, []),
    ],
)
def test_compose_is_found_as_a_command_of_docker_and_as_a_program(tmp_path, monkeypatch, here, found):
    for name, code in here.items():
        (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert [Path(one).name for one in compose()] == found


@pytest.mark.long
@pytest.mark.parametrize("profile", [[], ["--profile", "demo"], ["--profile", "bi"]])
def test_compose_reads_its_file_without_any_setting(tmp_path, profile):
    if not (program := compose()):
        pytest.skip(f"neither docker compose nor docker-compose {NOT_HERE}")
    shutil.copy(ROOT / "docker-compose.yml", tmp_path)
    (tmp_path / "bi" / "superset").mkdir(parents=True)
    done = subprocess.run(
        [*program, *profile, "config", "--quiet"], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["Dockerfile", "bi/superset/Dockerfile"])
def test_the_linter_of_dockerfiles_finds_nothing(name):
    program = Path(sys.executable).with_name("hadolint")
    if not program.exists():
        pytest.skip(f"hadolint {NOT_HERE}")
    done = subprocess.run([program, str(ROOT / name)], capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


# --- Airflow --------------------------------------------------------------------------------------------------------


def test_the_dag_is_python_and_hands_over_the_account_and_nothing_else():
    tree = ast.parse(DAG.read_text(encoding="utf-8"))
    calls = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert {"BashOperator", "accounts", "etl_99digital"} <= calls
    assert '{ETL} sync --account "$ACCOUNT" --json' in DAG.read_text(encoding="utf-8")
