"""What `etl check` says of the way out: by which proxy and certificates the vendor and the pings are reached."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from etl.errors import SettingsError
from etl.settings.route import Route, route_to

if TYPE_CHECKING:
    from etl.settings.settings import Settings


def ways_out(settings: "Settings") -> Iterator[tuple[bool, str, str]]:
    """Yield whether all is well, a name and what there is to say of each way that the environment has a word in."""
    ping_url = settings.ping_url.get_secret_value() if settings.ping_url else None
    for name, url in (("way out", settings.base_url), ("pings", ping_url)):
        try:
            route = route_to(url) if url else Route()
        except SettingsError as error:
            yield False, name, str(error)
        else:
            if route != Route():
                yield True, name, str(route)
