"""A Metabase on the loopback interface, as its documented API is: keeps what it is sent, and refuses what that would.

It answers as versions since 57 do: a native query comes back as a stage, and its variables as a list.
"""

import json
import re
import socketserver
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEY = "mb_k3y-2TzM4wVn"
VARIABLES = {"number", "text", "date"}

Json = dict[str, Any]


class Refused(Exception):
    """What the server answers with 400, or another status."""

    def __init__(self, why: str, status: int = 400) -> None:
        super().__init__(why)
        self.status = status


class MetabaseServer:
    """What is in it, by id; `changes` are the requests that changed it, `unanswerable` errors by a part of SQL."""

    def __init__(self) -> None:
        self.address = ""
        self.databases: dict[int, Json] = {}
        self.collections: dict[int, Json] = {}
        self.cards: dict[int, Json] = {}
        self.dashboards: dict[int, Json] = {}
        self.changes: list[str] = []
        self.unanswerable: dict[str, str] = {}
        self.last_id = 0

    def told(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        """Return the status and the answer of a request."""
        if headers.get("x-api-key") != KEY:
            return 401, "Unauthenticated"
        parts = urlsplit(url)
        try:
            return 200, self.answer(method, parts.path, parse_qs(parts.query), json.loads(body or b"{}"))
        except Refused as error:
            return error.status, {"message": str(error)}

    def answer(self, method: str, path: str, query: Json, body: Json) -> Any:
        """Answer a request to /api/; raise Refused."""
        kind, _, rest = path.removeprefix("/api/").partition("/")
        number = int(found[0]) if (found := re.match(r"\d+", rest)) else None
        if kind == "dataset" or rest.endswith("/query"):
            return self._asked(
                body["native"]["query"] if kind == "dataset" else self._filled(number, body["parameters"])
            )
        if method != "GET":
            self.changes.append(f"{method} {path}")
        if method == "GET":
            return self._found(kind, rest, number, query)
        stored = {**(self._all(kind)[number] if method == "PUT" else {}), **getattr(self, f"_{kind}")(body, method)}
        if method == "POST":
            self.last_id += 1
            stored = {"id": self.last_id} | stored
        self._all(kind)[stored["id"]] = stored
        return stored

    def new_dashcard(self, dashboard: int, card: Json) -> None:
        """Put a card on a dashboard, as somebody does by hand."""
        self.last_id += 1
        self.dashboards[dashboard]["dashcards"].append({"id": self.last_id, "series": []} | card)

    def _all(self, kind: str) -> dict[int, Json]:
        return getattr(self, f"{kind}s")

    def _filled(self, number: int, parameters: list[Json]) -> str:
        """The SQL of a card, with these parameters; refuses those that are none of it."""
        card = self.cards[number]
        for one in parameters:
            needed(one, id=str, type=str, target=list)
            if one["target"][1][1] not in {it["slug"] for it in card["parameters"]} or not one["value"]:
                raise Refused(f"Invalid parameter: {one}")
        return card["sql"] + "".join(f" -- {one['target'][1][1]}={one['value']}" for one in parameters)

    def _asked(self, sql: str) -> Json:
        for part, error in self.unanswerable.items():
            if part in sql:
                return {"status": "failed", "error": error}
        return {"status": "completed", "data": {"rows": [[1]]}}

    def _found(self, kind: str, rest: str, number: int | None, query: Json) -> Any:
        if rest.endswith("/items"):
            inside = [(name, one) for name in query["models"] for one in self._all(name).values()]
            items = [one | {"model": name} for name, one in inside if one.get("collection_id") == number]
            return {"data": items, "total": len(items)}
        if number is not None:
            return self._all(kind)[number]
        if kind == "database":
            return {"data": list(self.databases.values()), "total": len(self.databases)}
        return [{"id": "root", "name": "Our analytics"}, *self.collections.values()]

    def _database(self, body: Json, _: str) -> Json:
        needed(body, name=str, engine=str, details=dict)
        return body

    def _collection(self, body: Json, _: str) -> Json:
        needed(body, name=str)
        return {"location": "/", "archived": False} | body

    def _card(self, body: Json, _: str) -> Json:
        needed(body, name=str, display=str, visualization_settings=dict, dataset_query=dict)
        if body["description"] == "":
            raise Refused("description: value must be a non-blank string")
        native = body["dataset_query"]["native"]
        for name, one in native["template-tags"].items():
            needed(one, id=str, name=str, type=str, **{"display-name": str})
            if one["name"] != name or one["type"] not in VARIABLES:
                raise Refused(f"invalid template tag {name}")
        if set(native["template-tags"]) != set(re.findall(r"\{\{(\w+)\}\}", native["query"])):
            raise Refused("template tags are not those of the query")
        checked_parameters(body["parameters"])
        stage = {"lib/type": "mbql.stage/native", "native": native["query"]}
        stage["template-tags"] = list(native["template-tags"].values())
        query = {"lib/type": "mbql/query", "database": body["dataset_query"]["database"], "stages": [stage]}
        return body | {"dataset_query": query, "sql": native["query"], "archived": False}

    def _dashboard(self, body: Json, method: str) -> Json:
        needed(body, name=str)
        if method == "POST":
            return {"parameters": [], "dashcards": [], "tabs": []} | body
        checked_parameters(body["parameters"])
        return body | {"dashcards": [self._dashcard(one, body["tabs"]) for one in body["dashcards"]]}

    def _dashcard(self, one: Json, tabs: list[Json]) -> Json:
        needed(one, id=int, size_x=int, size_y=int, row=int, col=int)
        if one["size_x"] < 1 or one["size_y"] < 1 or one["col"] + one["size_x"] > 24:
            raise Refused("a card is not on the grid")
        if tabs and one.get("dashboard_tab_id") not in {tab["id"] for tab in tabs}:
            raise Refused("This dashboard has tab, makes sure every card has a tab")
        if one["card_id"] is not None and one["card_id"] not in self.cards:
            raise Refused("Not found.", 404)
        for mapping in one["parameter_mappings"]:
            needed(mapping, parameter_id=str, target=list)
        if one["id"] < 0:
            self.last_id += 1
        return {"series": []} | one | {"id": self.last_id if one["id"] < 0 else one["id"]}


def checked_parameters(parameters: list[Json]) -> None:
    for one in parameters:
        needed(one, id=str, type=str, name=str, slug=str)
        if one["type"] not in {"number/=", "string/=", "date/single"}:
            raise Refused(f"parameter must be a map with :id and :type keys: {one}")


def needed(body: Json, **types: type) -> None:
    """Refuse a body that has not these keys, with values of these types that are not empty."""
    for name, one in types.items():
        if not isinstance(body.get(name), one) or (one is str and not body[name].strip()):
            raise Refused(f"{name}: missing required key, or of another type")


@contextmanager
def served() -> Iterator[MetabaseServer]:
    """An empty Metabase, until the block ends."""
    metabase = MetabaseServer()

    class Connection(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.tell(*metabase.told(self.command, self.path, self.headers, b""))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.tell(*metabase.told(self.command, self.path, self.headers, body))

        def do_PUT(self) -> None:
            self.do_POST()

        def tell(self, status: int, value: Any) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Connection) as server:
        metabase.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield metabase
        finally:
            server.shutdown()
            thread.join()
