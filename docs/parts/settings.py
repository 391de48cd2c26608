"""The README's table of the settings."""

from pydantic.fields import FieldInfo

from etl.settings.settings import Settings, variable_name
from parts.markdown import markdown_table


def settings_table() -> str:
    """Return the settings as a Markdown table, those that are required first."""
    fields = sorted(Settings.model_fields.items(), key=lambda item: not item[1].is_required())
    rows = [(f"`{variable_name(Settings, name)}`", _default(name, one), one.description or "") for name, one in fields]
    return markdown_table(("variable", "default", "meaning"), rows)


def _default(name: str, field: FieldInfo) -> str:
    if field.is_required():
        return "**required**"
    if name == "home":  # depends on who asks, and on which machine
        return "the user's data folder"
    return "unset" if field.default is None else f"`{field.default}`"
