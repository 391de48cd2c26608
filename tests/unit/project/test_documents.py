"""Holds the documents to the code: what they name is there, and what is there is named."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

from etl.commands.help import EXIT_CODES
from etl.database.models import METADATA
from etl.database.requirements import OLDEST_SERVER
from etl.exit_codes import ExitCode
from etl.settings.settings import Settings, variable_name

ROOT = Path(__file__).parents[3]
MARKDOWN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
YAML = ("docker-compose.yml", ".pre-commit-config.yaml")
FIELDS = {variable_name(Settings, name): field for name, field in Settings.model_fields.items()}
ONLY_FOR_DASHBOARD = {"BI_DATABASE_URL", "BI_ADMIN_PASSWORD", "SUPERSET_SECRET_KEY", "SUPERSET_PORT", "ETL_LANGUAGE"}
ONLY_FOR_COMPOSE = {"POSTGRES_PORT"} | ONLY_FOR_DASHBOARD
# Compose hands these over as files, and has the folder of the embedded database for none.
NOT_IN_COMPOSE = {"ETL_HOME", "ETL_ACCOUNTS", "DATABASE_URL", "ETL_API_TOKEN", "ETL_PII_KEY_FILE", "ETL_PING_URL_FILE"}


@pytest.fixture(scope="module")
def generate():
    """docs/generate.py, which finds its parts beside it, as it does when it is run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "docs")
        yield importlib.import_module("generate")


def text_of(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def part_of(document: str, name: str) -> str:
    return re.search(f"<!-- {name} -->\n(.*)<!-- /{name} -->", text_of(document), re.DOTALL)[1]


def prose_of(path: Path) -> str:
    """The text without code, in which brackets and number signs mean something else."""
    return re.sub(r"^ *```.*?^ *```$", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors_of(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose_of(path), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def links() -> list[tuple[Path, str]]:
    found = [(path, link) for path in MARKDOWN for link in re.findall(r"\]\(([^)\s]+)\)", prose_of(path))]
    return [(path, link) for path, link in found if not link.startswith(("http://", "https://"))]


def test_the_generated_documents_are_current(generate):
    stale = [path.name for path, text in generate.documents().items() if path.read_text(encoding="utf-8") != text]
    assert stale == [], "run `make docs`"


def test_a_part_is_replaced_between_its_marks_and_nowhere_else(generate):
    text = "a\n<!-- x -->\nold\n<!-- /x -->\nb\n"
    assert generate.replace_part(text, "x", "new\n") == "a\n<!-- x -->\nnew\n<!-- /x -->\nb\n"


def test_a_part_without_its_marks_is_an_error_and_not_an_empty_document(generate):
    with pytest.raises(ValueError, match="no part between <!-- x --> and <!-- /x -->"):
        generate.replace_part("a\n<!-- x -->\nb\n", "x", "new\n")


def test_the_dictionary_has_every_table_and_column():
    sections = re.split(r"^## ", text_of("docs/data-dictionary.md"), flags=re.MULTILINE)[1:]
    named = {one.split("\n")[0]: re.findall(r"^\| `(\w+)` \|", one, re.MULTILINE) for one in sections}
    assert named == {one.name: [column.name for column in one.columns] for one in METADATA.sorted_tables}


def test_the_picture_has_every_table():
    entities = re.findall(r"^    (\w+) \{$", part_of("README.md", "tables"), re.MULTILINE)
    assert sorted(entities) == sorted(one.name for one in METADATA.sorted_tables)


def test_the_readme_names_exactly_the_variables_of_the_settings():
    named = re.findall(r"^\| `(\w+)` \|", part_of("README.md", "settings"), re.MULTILINE)
    assert sorted(named) == sorted(FIELDS)


def test_the_example_names_exactly_the_variables_of_the_settings():
    named = re.findall(r"^#?([A-Z_]+)=", text_of(".env.example"), re.MULTILINE)
    assert sorted(named) == sorted(FIELDS.keys() | ONLY_FOR_COMPOSE)


@pytest.mark.parametrize("variable", FIELDS)
def test_the_example_has_description_and_default_of_each_variable_and_no_secret(variable):
    field = FIELDS[variable]
    shown = field.default if isinstance(field.default, str | int | float) else ""
    line = f"{variable}={shown}" if field.is_required() else f"#{variable}={shown}"
    description = "# " + field.description.replace("`", "")
    paragraph = next(one for one in text_of(".env.example").split("\n\n") if f"{variable}=" in one)
    assert (paragraph.splitlines()[0], paragraph.splitlines()[-1]) == (description, line)


def test_compose_hands_every_setting_to_the_job_once():
    named = re.findall(r"^    (ETL_\w+|DATABASE_URL\w*):", text_of("docker-compose.yml"), re.MULTILINE)
    assert sorted(named) == sorted(FIELDS.keys() - NOT_IN_COMPOSE)


def test_every_link_leads_to_a_file_and_to_a_heading_in_it():
    broken = []
    for path, link in links():
        name, _, anchor = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            broken.append(f"{path.name}: {link}")
    assert broken == []


def layers() -> list[list[str]]:
    contracts = tomllib.loads(text_of("pyproject.toml"))["tool"]["importlinter"]["contracts"]
    return [line.split(" | ") for line in next(one["layers"] for one in contracts if one["type"] == "layers")]


def test_what_documents_import_is_there():
    lines = [
        line for path in MARKDOWN for line in re.findall(r"^ *(from etl\S* import .+)$", path.read_text("utf-8"), re.M)
    ]
    assert lines
    for line in lines:
        exec(line, {})


def test_files_that_documents_name_are_there():
    named = {
        one for path in MARKDOWN for one in re.findall(r"`((?:etl|docs|migrations)/[\w/.]+)`", path.read_text("utf-8"))
    }
    assert [one for one in sorted(named) if not (ROOT / one).exists()] == []


def test_the_architecture_tells_the_import_rules_as_they_are():
    told = part_of("docs/architecture.md", "layers").splitlines()
    assert told == ["```text", *(" | ".join(layer) for layer in layers()), "```"]


def test_the_picture_of_the_wings_has_every_wing_and_every_arrow_leads_down():
    height = {name: at for at, layer in enumerate(layers()) for name in layer}
    arrows = re.findall(r"^    (\w+) --> (\w+)$", part_of("docs/architecture.md", "wings"), re.MULTILINE)
    assert {name for arrow in arrows for name in arrow} == {one.parent.name for one in (ROOT / "etl").glob("*/*.py")}
    assert [(one, other) for one, other in arrows if height[one] >= height[other]] == []


def test_the_architecture_has_every_room_in_its_wing():
    sections = re.split(r"^### ", part_of("docs/architecture.md", "rooms"), flags=re.MULTILINE)[1:]
    told = {one.split("\n")[0]: re.findall(r"^\| `(\w+)` \|", one, re.MULTILINE) for one in sections}
    rooms = {"On the ground": [], **{one.parent.name: [] for one in (ROOT / "etl").glob("*/*.py")}}
    for path in sorted((ROOT / "etl").rglob("*.py")):
        if path.stem != "__init__":
            rooms["On the ground" if path.parent.name == "etl" else path.parent.name].append(path.stem)
    assert told == rooms


@pytest.mark.parametrize("document", ["README.md", "docs/operations.md"])
def test_every_exit_code_is_told(document):
    assert re.findall(r"^\| (\d) \|", part_of(document, "exit codes"), re.MULTILINE) == [
        str(one.value) for one in ExitCode
    ]


def test_the_exit_codes_fit_a_terminal():
    lines = EXIT_CODES.splitlines()
    assert [line[:5] for line in lines[1:-1] if line[:5].strip()] == [f"  {one:d}  " for one in ExitCode]
    assert max(map(len, lines)) <= 80


def test_the_matrix_has_every_version_that_is_promised():
    yaml = pytest.importorskip("yaml", reason="no YAML reader here; the linters of these files bring their own")
    matrix = yaml.safe_load(text_of(".github/workflows/ci.yml"))["jobs"]["test"]["strategy"]["matrix"]
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)$", "\n".join(project["classifiers"]), re.MULTILINE)
    assert matrix["python"] == promised
    assert project["requires-python"] == f">={promised[0]}"
    assert [int(one["postgresql"]) for one in matrix["include"]] == list(range(OLDEST_SERVER, 18 + 1))


@pytest.mark.parametrize("name", YAML)
def test_a_yaml_file_can_be_read(name):
    yaml = pytest.importorskip("yaml", reason="no YAML reader here; the linters of these files bring their own")
    assert yaml.safe_load(text_of(name))
