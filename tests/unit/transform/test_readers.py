"""Each column is read as what it holds: the upsert sends rows in JSON, of which a text column would take an object."""

from collections import defaultdict

from etl.database.base import SCHEMA
from etl.database.models import METADATA
from etl.transform import entities
from etl.transform.fields import Entity


def test_what_a_reader_returns_is_of_the_type_of_its_column() -> None:
    readers = defaultdict(set)
    for entity in filter(lambda value: isinstance(value, Entity), vars(entities).values()):
        columns = METADATA.tables[f"{SCHEMA}.{entity.table}"].columns
        for field in entity.fields:
            readers[str(columns[field.column].type)].add(field.read.__name__)
    assert readers == {
        "BIGINT": {"whole", "key"},
        "TEXT": {"word", "text", "_message_type", "sender_type", "label_title"},
        "BOOLEAN": {"flag"},
        "DATETIME": {"instant"},
        "JSONB": {"array", "structure"},
        "ARRAY": {"texts"},
        "DOUBLE PRECISION": {"number"},
    }
