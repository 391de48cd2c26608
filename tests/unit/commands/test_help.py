"""Holds the help of each command to the commands and the settings."""

import re
import shlex
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from etl.commands.help import EPILOGS
from etl.commands.main import app
from etl.settings.settings import Settings, variable_name

COMMANDS = typer.main.get_command(app).commands
VARIABLES = {variable_name(Settings, name) for name in Settings.model_fields}


def help_of(*arguments: str, columns: int = 100) -> str:
    done = CliRunner().invoke(app, [*arguments, "--help"], env={"COLUMNS": str(columns)})
    assert done.exit_code == 0
    return done.output


def examples() -> list[tuple[str, list[str]]]:
    """Each example as a command and its arguments, without what is set before it and said behind it."""
    lines = [line for text in EPILOGS.values() for line in re.findall(r"^ +(?:\w+=\w+ )?etl (.+)$", text, re.M)]
    words = [shlex.split(re.sub(r" {3,}.*", "", line)) for line in lines]
    return [(name, arguments) for name, *arguments in words]


def test_each_command_has_its_own_last_words():
    assert EPILOGS.keys() == COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_whole(name):
    told = help_of(name)
    first, _, more = told.partition("Usage: ")[2].partition("\n")
    assert f" {name} [OPTIONS]" in first
    for option in COMMANDS[name].params:
        assert f"{option.opts[0]} " in more
    assert not re.search("<[a-z]", more), "a type of Python's is no word for what to give"
    assert "Exit codes: " in more
    assert max(map(len, told.splitlines())) <= 100


def test_paragraphs_are_as_wide_as_the_terminal():
    assert "the last one did not fail and was not incomplete, none was killed," in help_of("status", columns=160)


@pytest.mark.parametrize(("name", "arguments"), examples(), ids=lambda one: one if isinstance(one, str) else "")
def test_each_example_is_a_command_line_of_etl(name, arguments):
    COMMANDS[name].make_context(name, list(arguments))


def test_there_are_examples():
    assert len(examples()) > 15


def test_settings_that_are_named_are_settings():
    told = "\n".join([*EPILOGS.values(), *(help_of(name) for name in COMMANDS)])
    assert set(re.findall(r"\b(?:ETL_[A-Z_]+|DATABASE_URL\w*)", told)) - VARIABLES == set()


@pytest.mark.long
def test_commands_that_ask_no_server_do_not_wait_for_what_speaks_to_one():
    rooms = (
        "etl.commands.main, etl.monitoring.run_history, etl.monitoring.summary, etl.workers.queue, etl.privacy.redact"
    )
    program = f"import sys, {rooms}; print({{'requests', 'urllib3', 'tenacity'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.long
def test_a_run_does_not_wait_for_what_only_changes_the_tables():
    rooms = "etl.commands.main, etl.database.migrate, etl.monitoring.observer, etl.monitoring.progress, etl.run.sync"
    program = f"import sys, {rooms}; print({{'alembic', 'mako'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
