"""The settings of the shop that `etl demo` makes up."""

from typing import ClassVar

from etl.settings.settings import Settings


class ShopSettings(Settings):
    """Those of every run against the shop, whose server is at another port each time and the same all the while."""

    server_name: ClassVar[str | None] = "the demo's shop"
