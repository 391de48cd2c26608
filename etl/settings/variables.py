"""Variables that are no settings of ours, read from where settings are: the environment, then `.env`."""

import os

from pydantic_settings import DotEnvSettingsSource

from etl.settings.settings import Variables


def variable(name: str) -> str | None:
    """Return a variable's value; None where it is not set, or empty in the environment and not in `.env`."""
    return os.environ.get(name) or DotEnvSettingsSource(Variables).env_vars.get(name.lower())
