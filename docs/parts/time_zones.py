"""The view's function of the time zones that have another name today, from the list that comes with tzdata."""

from importlib import resources
from itertools import groupby

HEAD = """\
-- Generated from the list in tzdata by docs/generate.py (`make docs`).
-- The names of time zones that lead to another one today. New images of PostgreSQL have no files for the old names.
CREATE OR REPLACE FUNCTION helpdesk.time_zone_links() RETURNS TABLE (today text, names text[])
LANGUAGE sql IMMUTABLE PARALLEL SAFE BEGIN ATOMIC
    VALUES
"""
TAIL = """;
END;

COMMENT ON FUNCTION helpdesk.time_zone_links() IS 'Time zones by their name of today, with their other names';
"""


def time_zone_links() -> str:
    """Return the file that makes the function."""
    rows = (f"        ('{today}', '{{{','.join(names)}}}'::text[])" for today, names in names_by_today().items())
    return HEAD + ",\n".join(rows) + TAIL


def names_by_today() -> dict[str, list[str]]:
    """Return the zones that have other names, and these, sorted. A link of the list leads to no other link."""
    lines = resources.files("tzdata").joinpath("zoneinfo/tzdata.zi").read_text(encoding="utf-8").splitlines()
    links = sorted(line.split()[1:] for line in lines if line.startswith("L "))
    return {today: [name for _, name in group] for today, group in groupby(links, key=lambda link: link[0])}
