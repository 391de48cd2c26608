"""What people write to a shop and what it answers, by language; every name, address and number is made up.

A language is a file in `languages/`. A line is a list, its entries divided by " | "; a long one goes on under the same
name. Of a topic, the customer's `ask` is answered by `answer`, the customer's `more` by `reply`: first by first, second
by second. In braces: order, product, amount, day, city, and name for the customer's first name.
"""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "languages"

Lines = tuple[str, ...]
Pairs = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Topic:
    """One matter that customers write about, as pairs of what they write and what the shop answers."""

    name: str
    openings: Pairs
    follow_ups: Pairs


@dataclass(frozen=True)
class Language:
    """All lines of one language; `people` are first names with their spelling in an e-mail address."""

    code: str
    general: dict[str, Lines]
    people: tuple[tuple[str, str], ...]
    topics: tuple[Topic, ...]


def _read(code: str) -> Language:
    """Read the file of a language; the lines after "topic" belong to it."""
    general: dict[str, Lines] = {}
    topics: list[dict[str, Lines]] = []
    for line in (FOLDER / f"{code}.txt").read_text(encoding="utf-8").splitlines():
        kind, _, rest = line.partition(": ")
        if kind == "topic":
            topics.append({})
        lines = topics[-1] if topics else general
        lines[kind] = lines.get(kind, ()) + tuple(rest.split(" | "))
    people = [tuple(person.split("/")) for person in general.pop("people")]
    read = [
        Topic(topic["topic"][0], _pair(topic["ask"], topic["answer"]), _pair(topic["more"], topic["reply"]))
        for topic in topics
    ]
    return Language(code, general, tuple((first, latin) for first, latin in people), tuple(read))


def _pair(questions: Lines, answers: Lines) -> Pairs:
    return tuple(zip(questions, answers, strict=True))


LANGUAGES = tuple(map(_read, ("he", "en", "ar", "ru", "fr")))

# What the team writes to itself, in its own languages.
NOTES = (
    "לקוח חוזר, לטפל בעדיפות",
    "בדקתי מול המחסן, החבילה יצאה אתמול",
    "Customer was promised a refund on the phone, see the order",
    "@שירות נא לבדוק אם קיבל זיכוי",
    "Waiting for the courier's answer",
    "שולם בשני תשלומים",
    "VIP, please answer today",
)
