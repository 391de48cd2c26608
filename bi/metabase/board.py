"""The collection, the questions and the dashboard in a Metabase: each is made, or changed where it is another.

Everything is found by its name, in any of the languages, within the collection that has the dashboard's name. What
people have added to the collection or the dashboard stays; what is ours is put back as the pack has it.
"""

from collections import Counter
from typing import Any

from metabase_api import Json, Metabase
from pack import Pack, Question, target
from places import Place, places

# What the API takes of a card on a dashboard; it answers more.
OF_A_DASHCARD = (
    *("id", "card_id", "action_id", "row", "col", "size_x", "size_y", "dashboard_tab_id", "series"),
    *("parameter_mappings", "visualization_settings", "inline_parameters"),
)


class Board:
    """The dashboard of a pack in a Metabase; `ids` are those of its questions by stem, `counts` what was done."""

    def __init__(self, metabase: Metabase, pack: Pack, database: int) -> None:
        self.metabase, self.pack, self.database = metabase, pack, database
        self.ids: dict[str, int] = {}
        self.counts = Counter({"made": 0, "changed": 0, "as they were": 0})
        self.collection = self.dashboard = 0

    def apply(self) -> None:
        """Make or change everything. Raise Failed."""
        self.collection = self._collection()
        items = self.metabase.get(f"collection/{self.collection}/items", models=["card", "dashboard"])["data"]
        for one in self.pack.questions:
            found = next((it["id"] for it in items if it["model"] == "card" and it["name"] in one.names), None)
            self.ids[one.stem] = self._question(one, found)
        boards = (it["id"] for it in items if it["model"] == "dashboard" and it["name"] in self.pack.titles)
        self._dashboard(next(boards, None))

    def _collection(self) -> int:
        for one in self.metabase.get("collection"):
            if one["name"] in self.pack.titles and one.get("location") == "/" and not one.get("archived"):
                found, body = int(one["id"]), {"name": self.pack.title}
                self._put("collection", found, body, one)
                return found
        return self._post("collection", {"name": self.pack.title, "description": self.pack.description})

    def _question(self, one: Question, found: int | None) -> int:
        native = {"query": one.sql, "template-tags": one.tags}
        query = {"database": self.database, "type": "native", "native": native}
        body = one.body | {"collection_id": self.collection, "dataset_query": query}
        if found is None:
            return self._post("card", body)
        stored = self.metabase.get(f"card/{found}")
        self._put("card", found, body, stored | {"dataset_query": plain_query(stored["dataset_query"])})
        return found

    def _dashboard(self, found: int | None) -> None:
        body: Json = {"name": self.pack.title, "description": self.pack.description}
        is_new = found is None
        if found is None:
            found = self._post("dashboard", body | {"collection_id": self.collection})
        self.dashboard = found
        stored = self.metabase.get(f"dashboard/{found}")
        body["parameters"] = self._parameters(stored)
        body["dashcards"] = self._dashcards(stored)
        body["tabs"] = [{"id": one["id"], "name": one["name"]} for one in stored.get("tabs") or []]
        if is_new:  # what is on it can be sent once it is there
            self.metabase.put(f"dashboard/{found}", body)
        else:
            self._put("dashboard", found, body, stored)

    def _parameters(self, stored: Json) -> list[Json]:
        ours = self.pack.parameters(self.ids)
        own = {one["id"] for one in ours}
        return [*ours, *(one for one in stored.get("parameters") or [] if one["id"] not in own)]

    def _dashcards(self, stored: Json) -> list[Json]:
        """Return all cards: those that are stored, in their order, with ours as they should be; then new ones."""
        wanted = [(place, self._dashcard(place)) for place in places(self.pack.language)]
        tabs = stored.get("tabs") or []
        cards = []
        for one in stored["dashcards"]:
            kept = {key: one[key] for key in OF_A_DASHCARD if key in one}
            match = next((it for it in wanted if self._is_at(it[0], one)), None)
            if match:
                wanted.remove(match)
                kept = self._merged(kept, match[1])
            cards.append(kept)
        tab = {"dashboard_tab_id": tabs[0]["id"]} if tabs else {}
        return cards + [{"id": -number} | tab | card for number, (_, card) in enumerate(wanted, 1)]

    def _is_at(self, place: Place, stored: Json) -> bool:
        if place.stem:
            return bool(stored.get("card_id") == self.ids[place.stem])
        return stored.get("card_id") is None and stored["visualization_settings"].get("text") in place.names

    def _merged(self, stored: Json, ours: Json) -> Json:
        """Return a card with what is ours in it, and what people have set beside."""
        own = {one.name for one in self.pack.filters}
        theirs = [one for one in stored.get("parameter_mappings") or [] if one["parameter_id"] not in own]
        return (
            stored
            | ours
            | {
                "parameter_mappings": ours["parameter_mappings"] + theirs,
                "visualization_settings": (stored.get("visualization_settings") or {}) | ours["visualization_settings"],
            }
        )

    def _dashcard(self, place: Place) -> Json:
        if place.stem is None:
            virtual: Json = {"name": None, "display": "heading", "visualization_settings": {}, "archived": False}
            shown = {"virtual_card": virtual, "text": place.heading}
            return {"card_id": None, "parameter_mappings": [], "visualization_settings": shown} | place.at
        card = self.ids[place.stem]
        (question,) = (one for one in self.pack.questions if one.stem == place.stem)
        mappings = [{"parameter_id": tag, "card_id": card, "target": target(tag)} for tag in question.tags]
        return {"card_id": card, "parameter_mappings": mappings, "visualization_settings": {}} | place.at

    def _post(self, kind: str, body: Json) -> int:
        self.counts["made"] += 1
        return int(self.metabase.post(kind, body)["id"])

    def _put(self, kind: str, number: int, body: Json, stored: Json) -> None:
        is_same = has(stored, body)
        self.counts["as they were" if is_same else "changed"] += 1
        if not is_same:
            self.metabase.put(f"{kind}/{number}", body)


def plain_query(stored: Json) -> Json:
    """Return a stored query as it is sent: Metabase since 57 answers with stages, whose tags may be a list."""
    if "stages" not in stored:
        return stored
    stage = stored["stages"][0]
    tags = stage.get("template-tags") or {}
    by_name = {one["name"]: one for one in tags} if isinstance(tags, list) else tags
    native = {"query": stage.get("native"), "template-tags": by_name}
    return {"database": stored.get("database"), "type": "native", "native": native}


def has(stored: Any, wanted: Any) -> bool:
    """Tell whether all that is wanted is stored; Metabase adds keys of its own, and leaves out what is empty."""
    if isinstance(wanted, dict):
        return isinstance(stored, dict) and all(has(stored.get(key), one) for key, one in wanted.items())
    if isinstance(wanted, list):
        stored = stored or []
        return len(stored) == len(wanted) and all(map(has, stored, wanted))
    return bool(stored == wanted or (wanted is None and not stored))
