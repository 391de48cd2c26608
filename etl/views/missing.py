"""What `etl migrate` makes anew where it is missing, as after a restore: queue, views, rights of readers."""

from collections.abc import Iterator

from sqlalchemy import Engine

from etl.database import objects
from etl.database.engine import transaction
from etl.database.objects import Part
from etl.views import attribute_columns, readers, schema


def find_missing(engine: Engine) -> Iterator[tuple[str, str, bool | None]]:
    """Yield what is missing beside the tables: of what, a sentence, and False, or None where it is no fault."""
    attributes = {Part("view", view.name) for view in attribute_columns.VIEWS}
    with transaction(engine) as connection:
        if lacking := objects.missing(connection, objects.QUEUE_SCHEMA, objects.of_queue()):
            yield "queue", objects.said_of(objects.QUEUE_SCHEMA, lacking), False
        for said in schema.missing_views(connection):
            yield "views", said, False
        if lacking := objects.missing(connection, schema.BI_SCHEMA, attributes):
            yield "views", objects.said_of(schema.BI_SCHEMA, lacking), False
        for is_lost, said in readers.without_rights(connection):
            yield "readers", said, False if is_lost else None
