"""The summary of a run: what is a problem and what a note is told by words, in a pipe a line each, and never cut."""

import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from etl.exit_codes import Outcome
from etl.load.journal import Run
from etl.monitoring.summary import print_summary, run_to_json

README = (Path(__file__).parents[3] / "README.md").read_text(encoding="utf-8")
ADDRESS = "https://online.99digital.co.il/api/v1/accounts/1/conversations/262"
PROBLEM = f"2 conversations could not be read; the next run tries again. The first: {ADDRESS}: the server answered 500."
NOTE = "The vendor refuses 3 conversations to this token, as it does every night, and nothing of them is in the tables."


def summary(**how):
    run = Run(1, "sync", run_id=7, outcome=Outcome.INCOMPLETE, problems=[PROBLEM], notes=[NOTE])
    out = io.StringIO()
    print_summary(run, Console(file=out, highlight=False, **how))
    return out.getvalue()


def test_in_a_pipe_each_is_a_line_of_its_own():
    lines = summary(width=200).splitlines()
    assert lines[1:3] == [f"  problem: {PROBLEM}", f"  note: {NOTE}"]
    assert summary(width=60).splitlines()[1:3] == lines[1:3]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_on_a_terminal_without_colours_the_words_tell_them_apart_and_an_address_is_whole(width):
    told = re.sub(r"\x1b\[[0-9;]*m", "", summary(width=width, force_terminal=True, no_color=True))
    assert max(map(len, told.splitlines())) <= width
    assert [line.split()[0] for line in told.splitlines() if re.match("  [a-z]+: ", line)] == ["problem:", "note:"]
    assert ADDRESS in re.sub(r"\s", "", told)
    assert "…" not in told


def test_nothing_is_yellow_which_cannot_be_read_on_a_light_background():
    told = summary(width=80, force_terminal=True, color_system="standard")
    assert "\x1b[1;35mproblem:" in told
    assert not re.search(r"\x1b\[(?:\d+;)*(?:33|93)(?:;\d+)*m", told)


def test_the_readme_shows_the_object_as_it_is():
    shown = json.loads(re.search(r'```json\n(\{\n  "run_id".*?\n\})\n```', README, re.DOTALL)[1])
    assert list(shown) == list(run_to_json(Run(1, "sync", run_id=7)))
