"""A vendor that makes every class of error, each with a mark of its own in what it quotes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from etl.demo.account import Attachment
from etl.demo.events import add_message
from etl.demo.server import Answer, Request, json_answer, serve, text_answer
from etl.demo.vendor import Vendor
from etl.errors import Denied, NotFound, TooLarge, TooSlow, TryAgain, Unreadable, VendorError
from etl.transform import entities
from etl.transform.fields import label_title, sender_type
from etl.transform.values import Reader, array, flag, instant, key, number, structure, text, texts, whole, word
from tests.end_to_end.run.test_kills import TOKEN
from tests.integration.run.test_bad_records import as_json
from tests.scripted_account import LONG_AGO, account_of

# All marks begin with the one, or have the other in them.
MARK, DIGITS = "Zebulon", "97250123"
TERM = f"{MARK}.term"
LARGE = 2**16
# With so few bytes in a megabyte, a quarter of what ETL_MEMORY_MB is unless set is as large.
FEW_BYTES = LARGE // 128


def mark(name: str) -> str:
    return f"{MARK}.{name}"


def found(said: str) -> list[str]:
    """Return the lines that have a mark in them."""
    return [line for line in said.splitlines() if MARK in line or DIGITS in line]


def refusal(status: int) -> Answer:
    return json_answer({"error": mark(str(status))}, status)


# What the vendor answers instead of a conversation, and the class of error that it makes.
ANSWERS: dict[str, tuple[type[VendorError], Answer]] = {
    "400": (Unreadable, refusal(400)),
    "redirect": (VendorError, Answer(302, headers={"Location": f"http://{mark('redirect')}/"})),
    "large": (TooLarge, text_answer(mark("large") * LARGE)),
    "408": (TryAgain, refusal(408)),
    "500": (TryAgain, refusal(500)),
    "504": (TooSlow, refusal(504)),
    "page": (TryAgain, Answer(502, f"<html>{mark('page')}</html>".encode(), "text/html")),
    "no-json": (TryAgain, text_answer(f"not {mark('no-json')}")),
    "chunk": (TryAgain, Answer(200, f"{mark('chunk')}\r\n".encode(), headers={"Transfer-Encoding": "chunked"})),
    "401": (Denied, refusal(401)),
    "403": (Unreadable, refusal(403)),
    "firewall": (Unreadable, Answer(403, f"<html>{mark('firewall')}</html>".encode(), "text/html")),
    "404": (NotFound, refusal(404)),
}
# Of those that no list shows, the ledger asks: not of those that say something of the token.
HIDDEN = [at for at, name in enumerate(ANSWERS, 1) if name not in {"401", "404"}]
SPOILED = len(ANSWERS) + 1
LATER = LONG_AGO + 100_000

# What is sent for a value, by what reads it: where, what, and the class of error that it makes.
BEYOND = int(f"{DIGITS}456797250123")
VALUES: dict[Reader, tuple[str, Any]] = {
    key: ("message.inbox_id", mark("key")),
    instant: ("message.updated_at", mark("instant")),
    flag: ("message.private", mark("flag")),
    texts: ("message.label_list", mark("texts")),
    text: ("message.content", float(DIGITS) + 0.75),
    word: ("message.content_type", BEYOND),
    sender_type: ("message.sender_type", float(DIGITS) + 0.5),
    entities._message_type: ("message.message_type", float(DIGITS) + 0.25),
    number: ("attachment.coordinates_lat", mark("number")),
    whole: ("attachment.width", mark("whole")),
    array: ("inbox.working_hours", mark("array")),
    # These quote nothing, and the record has the mark.
    structure: ("message.content_attributes", {mark("structure"): [BEYOND]}),
    label_title: ("label.title", mark("label_title") * 100),
}
QUOTE_NOTHING = {structure, label_title}

VENDOR_ERRORS = {kind: [name for name, (one, _) in ANSWERS.items() if one is kind] for kind, _ in ANSWERS.values()}


def nested(value: Any) -> Any:
    for _ in range(400):
        value = [value]
    return value


def sent(reader: Reader) -> Any:
    value = VALUES[reader][1]
    return nested(value) if reader is structure else value


def spoil(request: Request, answer: Answer) -> Answer:
    """Answer with every mark there is."""
    end = request.path.split("/")[5:]
    if request.first("q"):
        return json_answer({"error": f"no column q={request.first('q')}"}, 400)
    if request.path == "/api":
        return json_answer({"error": mark("api")}, 500)
    if end == ["csat_survey_responses"]:
        return json_answer({"error": mark("surveys")}, 400)
    if len(end) > 1 and end[1].isdigit() and int(end[1]) < SPOILED:
        return list(ANSWERS.values())[int(end[1]) - 1][1]
    if answer.status != 200:
        return answer
    value = orjson.loads(answer.body)
    if end == ["conversations"]:
        value["data"]["payload"] = [one for one in value["data"]["payload"] if one["id"] not in HIDDEN]
    if end == ["conversations", str(SPOILED), "messages"]:
        _spoil_messages(value["payload"])
    for name, items in (("inbox", end == ["inboxes"]), ("label", end == ["labels"])):
        if items:
            _put(value["payload"][0], name)
    return as_json(value)


def _spoil_messages(messages: list[dict[str, Any]]) -> None:
    """Give each message one value of those that make an error, and the last one a time beyond range."""
    of_messages = [reader for reader, (path, _) in VALUES.items() if path.startswith("message.")]
    for message, reader in zip(messages, of_messages, strict=False):
        message[VALUES[reader][0].removeprefix("message.")] = sent(reader)
    messages[-2]["attachments"][0] |= {"coordinates_lat": VALUES[number][1], "width": VALUES[whole][1]}
    messages[-1]["created_at"] = BEYOND


def _put(record: dict[str, Any], name: str) -> None:
    for path, value in VALUES.values():
        if path.startswith(f"{name}."):
            record[path.removeprefix(f"{name}.")] = value


@contextmanager
def marked_vendor() -> Iterator[str]:
    """Serve an account in which every mark is; give the base URL."""
    account = account_of(SPOILED + 1, messages=12)
    add_message(account, SPOILED, "a place", LATER, attachments=[Attachment(1, "location")])
    add_message(account, SPOILED, "the last", LATER + 60)
    vendor = Vendor(account, token=TOKEN)
    with serve(lambda request: spoil(request, vendor(request))) as url:
        yield url
