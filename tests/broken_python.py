"""Real faults for a process: a folder for PYTHONPATH whose sitecustomize breaks a library, or stops at an import."""

from pathlib import Path

SAID = "dana@example.com +972-50-000-0000 kQ7vR2mXw9ZtB4nLc6HsY8dJ"
# What Python finds where it starts. A library is broken when etl imports it.
START = """
import importlib.abc, importlib.machinery, sys

class Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != {module!r}:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        loader, execute = spec.loader, spec.loader.exec_module

        def then(module):
            execute(module)
            act(module)

        loader.exec_module = then
        return spec

sys.meta_path.insert(0, Finder())

"""
RAISE = """
def act(module):
    def broken(*_, **__):
        {how}
    *path, name = {place!r}.split(".")
    holder = module
    for one in path:
        holder = getattr(holder, one)
    setattr(holder, name, broken)
"""
HOLD = """
def act(module):
    import pathlib, signal
    pathlib.Path({reached!r}).touch()
    signal.pause()
"""
MISSING = """
def act(module):
    raise ImportError({said!r}, name={module!r})
"""


def _begin(folder: Path, module: str, act: str) -> dict[str, str]:
    place = folder / "broken"
    place.mkdir(exist_ok=True)
    (place / "sitecustomize.py").write_text("import importlib.util\n" + START.format(module=module) + act)
    return {"PYTHONPATH": str(place)}


def raising(folder: Path, module: str, place: str, how: str = f"raise KeyError({SAID!r})") -> dict[str, str]:
    """Return the variables of a process in which a function of a library fails."""
    return _begin(folder, module, RAISE.format(place=place, how=how))


def lacking(folder: Path, module: str) -> dict[str, str]:
    """Return the variables of a process in which a library cannot be imported."""
    return _begin(folder, module, MISSING.format(module=module, said=SAID))


def held_at(folder: Path, module: str) -> tuple[dict[str, str], Path]:
    """Return the variables of a process that stops when it imports a library, and the file that tells so."""
    reached = folder / "reached"
    return _begin(folder, module, HOLD.format(reached=str(reached))), reached
