"""The rooms of the package by wings, the picture of the wings, and the import contracts."""

import ast
import tomllib
from pathlib import Path
from typing import Any

import grimp
from grimp import ImportGraph

from parts.markdown import markdown_table

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "etl"
GROUND = "On the ground"


def rooms() -> str:
    """Return a section for each wing, from the top down: what it is, and what each room of it does."""
    sections = [_section(wing, _first_line(PACKAGE / wing / "__init__.py"), PACKAGE / wing) for wing in _wings()]
    return "\n".join([*sections, _section("On the ground", "What every wing but the demo may use.", PACKAGE)])


def _section(title: str, said: str, folder: Path) -> str:
    files = sorted(one for one in folder.glob("*.py") if one.stem != "__init__")
    rows = ((f"`{one.stem}`", _first_line(one).rstrip(".")) for one in files)
    return f"### {title}\n\n{said}\n\n{markdown_table(('room', 'what it does'), rows)}"


def _first_line(file: Path) -> str:
    said = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    if not said:
        raise ValueError(f"{file} has no docstring")
    return said.splitlines()[0]


def wings() -> str:
    """Return the wings and which imports which as a Mermaid diagram, without what a longer way says already."""
    graph = grimp.build_graph("etl", cache_dir=None)
    for wing in _wings():
        graph.squash_module(f"etl.{wing}")
    lines = [f"    {wing} --> {target}" for wing in _wings() for target in _direct(graph, wing)]
    return "\n".join(["```mermaid", "flowchart TD", *lines, "```", ""])


def _direct(graph: ImportGraph, wing: str) -> list[str]:
    """Return the wings that a wing imports and that none of the others which it imports leads to."""
    imported = [one for one in _wings() if graph.direct_import_exists(importer=f"etl.{wing}", imported=f"etl.{one}")]
    return [
        one
        for one in imported
        if not any(graph.chain_exists(f"etl.{other}", f"etl.{one}") for other in imported if other != one)
    ]


def _wings() -> list[str]:
    return [name for layer in _layers() for name in layer if (PACKAGE / name).is_dir()]


def layers() -> str:
    """Return the layers, a line each, the highest first."""
    return "\n".join(["```text", *(" | ".join(layer) for layer in _layers()), "```", ""])


def contracts() -> str:
    """Return the names of the further contracts, which are sentences."""
    return "".join(f"- {one['name']}.\n" for one in _contracts() if one["type"] != "layers")


def _layers() -> list[list[str]]:
    lines: list[str] = next(one["layers"] for one in _contracts() if one["type"] == "layers")
    return [line.split(" | ") for line in lines]


def _contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts: list[dict[str, Any]] = project["tool"]["importlinter"]["contracts"]
    return contracts
