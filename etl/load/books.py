"""What the tables count as the vendor's own reports do, where they may differ, and what of both is written down."""

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select, text, update
from sqlalchemy.dialects.postgresql import insert

from etl.database.base import SCHEMA
from etl.database.engine import any_of
from etl.database.models import Conversation
from etl.database.witnesses import VendorCount
from etl.load.clock import Clock

# How many seconds before a time are looked at for one in which nothing of ours was written.
SECONDS_BACK = 600
# So long the vendor may count messages of a conversation that is gone: it deletes them afterwards, in the background.
DELETED_OF_LATE = timedelta(days=3)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A row without a time is one of 1970: the vendor sends 0 for it. LEAST is what messages are found by; those that are
# dated ahead have an index of their own.
MESSAGES = f"""
    SELECT width_bucket(coalesce(message.created_at, :epoch), CAST(:bounds AS timestamptz[])) AS bucket,
        message.message_type || '_messages' AS metric, count(*) AS number,
        count(*) FILTER (WHERE conversation.deleted_at IS NOT NULL) AS deleted
    FROM {SCHEMA}.messages AS message
    JOIN {SCHEMA}.conversations AS conversation
      ON conversation.account_id = message.account_id AND conversation.id = message.conversation_id
    WHERE message.account_id = :account_id AND message.removed_at IS NULL
      AND message.message_type IN ('incoming', 'outgoing')
      AND (LEAST(message.created_at, message.first_synced_at) >= :since
           AND LEAST(message.created_at, message.first_synced_at) < :until
           OR message.created_at > message.first_synced_at {{untimed}})
      AND coalesce(message.created_at, :epoch) >= :since AND coalesce(message.created_at, :epoch) < :until
      AND (conversation.deleted_at IS NULL OR conversation.deleted_at > :of_late)
      AND conversation.id <> ALL (CAST(:gone AS bigint[]))
    GROUP BY 1, 2
"""  # noqa: S608 -- only constants are formatted in
UNTIMED = "OR message.created_at IS NULL"
CONVERSATIONS = f"""
    SELECT width_bucket(coalesce(created_at, :epoch), CAST(:bounds AS timestamptz[])) AS bucket,
        'conversations' AS metric, count(*) AS number, 0 AS deleted
    FROM {SCHEMA}.conversations
    WHERE account_id = :account_id AND deleted_at IS NULL AND id <> ALL (CAST(:gone AS bigint[]))
      AND coalesce(created_at, :epoch) >= :since AND coalesce(created_at, :epoch) < :until
    GROUP BY 1
"""  # noqa: S608 -- only constants are formatted in
# Answers are those of the view csat_answers, which a run may not be let read, and which may be dropped.
SURVEYS = f"""
    SELECT counted.metric, count(*) AS number,
        count(*) FILTER (WHERE conversation.deleted_at IS NOT NULL) AS deleted
    FROM (
        SELECT 'surveys_sent' AS metric, created_at AS at, conversation_id FROM {SCHEMA}.messages
        WHERE account_id = :account_id AND content_type = 'input_csat' AND removed_at IS NULL
        UNION ALL
        SELECT 'rating_' || rating, least(created_at, first_synced_at), conversation_id FROM {SCHEMA}.csat_responses
        WHERE account_id = :account_id AND rating IS NOT NULL
        UNION ALL
        SELECT 'rating_' || left(told.rating, 1), least(created_at, first_synced_at), conversation_id
        FROM {SCHEMA}.messages AS message
        CROSS JOIN LATERAL (
            SELECT content_attributes #>> '{{submitted_values,csat_survey_response,rating}}' AS rating
        ) AS told
        WHERE account_id = :account_id AND content_type = 'input_csat' AND removed_at IS NULL
          AND told.rating ~ '^[1-5]([.]0+)?$' AND NOT EXISTS (
              SELECT FROM {SCHEMA}.csat_responses AS listed
              WHERE listed.account_id = message.account_id AND listed.message_id = message.id
          )
    ) AS counted
    LEFT JOIN {SCHEMA}.conversations AS conversation
      ON conversation.account_id = :account_id AND conversation.id = counted.conversation_id
    WHERE coalesce(counted.at, :epoch) >= :since AND coalesce(counted.at, :epoch) < :until
      AND (conversation.deleted_at IS NULL OR conversation.deleted_at > :of_late)
      AND (conversation.id IS NULL OR conversation.id <> ALL (CAST(:gone AS bigint[])))
    GROUP BY counted.metric
"""  # noqa: S608 -- only constants are formatted in
TAKEN_SECONDS = f"""
    SELECT date_trunc('second', created_at) FROM {SCHEMA}.messages
    WHERE account_id = :account_id AND LEAST(created_at, first_synced_at) >= :since
      AND LEAST(created_at, first_synced_at) <= :until
    UNION
    SELECT date_trunc('second', created_at) FROM {SCHEMA}.conversations
    WHERE account_id = :account_id AND created_at >= :since AND created_at <= :until
"""  # noqa: S608 -- only constants are formatted in
# Whoever was active around a time may have lost all that was written then; the oldest reading first, so that what
# is too much for one night is read in several. Where a mark is open, this run could not read the history.
NEAR = f"""
    SELECT conversation.id FROM {SCHEMA}.conversations AS conversation
    CROSS JOIN LATERAL (SELECT coalesce(conversation.history_read_at, conversation.first_synced_at) AS at) AS reading
    WHERE conversation.account_id = :account_id AND conversation.deleted_at IS NULL AND conversation.mark IS NOT NULL
      AND EXISTS (
        SELECT FROM unnest(
            CAST(:sinces AS timestamptz[]), CAST(:untils AS timestamptz[]), CAST(:differ_since AS timestamptz[])
        ) AS span(since, until, differs_since)
        WHERE reading.at < span.differs_since AND (
            coalesce(conversation.created_at, :epoch) < span.until AND conversation.last_activity_at >= span.since
            OR coalesce(conversation.created_at, :epoch) >= span.since
               AND coalesce(conversation.created_at, :epoch) < span.until
            OR EXISTS (
                SELECT FROM {SCHEMA}.messages AS message
                WHERE message.account_id = :account_id AND message.conversation_id = conversation.id
                  AND coalesce(message.created_at, :epoch) >= span.since
                  AND coalesce(message.created_at, :epoch) < span.until
            )
        )
    )
    ORDER BY reading.at, conversation.id LIMIT :most
"""  # noqa: S608 -- only constants are formatted in
# The second run since the last one in which the span, or everything, was counted otherwise: what the first one read may
# have been wrong for a while.
DIFFERS_SINCE = f"""
    SELECT run.started_at FROM {SCHEMA}.vendor_counts AS same
    JOIN {SCHEMA}.sync_runs AS run ON run.account_id = same.account_id AND run.run_id = same.run_id
    WHERE same.account_id = :account_id AND same.metric = :metric AND same.since = :since AND same.until = :until
      AND same.vendor = :vendor AND same.ours = :ours AND same.run_id > coalesce((
          SELECT max(other.run_id) FROM {SCHEMA}.vendor_counts AS other
          WHERE other.account_id = :account_id AND other.metric = :metric AND (
              other.since = :since AND other.until = :until AND (other.vendor <> :vendor OR other.ours <> :ours)
              OR other.grain = 'all' AND other.vendor = other.ours
          )
      ), 0)
    ORDER BY run.run_id OFFSET 1 LIMIT 1
"""  # noqa: S608 -- only constants are formatted in


class Count(NamedTuple):
    """How many rows the tables have; deleted: how many of these lie in conversations that were deleted of late."""

    number: int = 0
    deleted: int = 0


def at(seconds: int) -> datetime:
    """Return a time in seconds since 1970 as a time (UTC), also where that was before."""
    return EPOCH + timedelta(seconds=seconds)


def count_ours(
    connection: Connection, account_id: int, bounds: Sequence[int], gone: Collection[int] = ()
) -> list[dict[str, Count]]:
    """Return what the tables count between each bound and the next one, by metric; 0 where a metric is not there.

    gone: conversations that are not to be counted, as the vendor has just said that they are no more.
    """
    times = [at(bound) for bound in bounds]
    values = {
        "account_id": account_id,
        "bounds": times,
        "since": times[0],
        "until": times[-1],
        "epoch": EPOCH,
        "gone": list(gone),
    }
    found: list[dict[str, Count]] = [{} for _ in bounds[1:]]
    untimed = UNTIMED if times[0] <= EPOCH < times[-1] else ""
    late = values | {"of_late": Clock.of(connection).at - DELETED_OF_LATE}
    for row in connection.execute(text(MESSAGES.format(untimed=untimed)), late):
        found[row.bucket - 1][row.metric] = Count(row.number - row.deleted, row.deleted)
    for row in connection.execute(text(CONVERSATIONS), values):
        found[row.bucket - 1][row.metric] = Count(row.number)
    return found


def count_surveys(
    connection: Connection, account_id: int, span: tuple[int, int], gone: Collection[int]
) -> dict[str, Count]:
    """Return how many surveys the tables have as sent in a span, and how many answers of each rating; gone: as above.

    An answer that the vendor has in its list has the time of that, another one the time when it was asked for.
    """
    values = {
        "account_id": account_id,
        "since": at(span[0]),
        "until": at(span[1]),
        "epoch": EPOCH,
        "of_late": Clock.of(connection).at - DELETED_OF_LATE,
        "gone": list(gone),
    }
    found = connection.execute(text(SURVEYS), values)
    return {row.metric: Count(row.number - row.deleted, row.deleted) for row in found}


def quiet_second(connection: Connection, account_id: int, before: int) -> int:
    """Return the last second up to a time in which nothing of ours was written; the time itself where there is none.

    So it does not matter whether the vendor counts what was written exactly then.
    """
    values = {"account_id": account_id, "since": at(before - SECONDS_BACK), "until": at(before + 1)}
    taken = set(connection.scalars(text(TAKEN_SECONDS), values))
    seconds = range(before, before - SECONDS_BACK, -1)
    return next((second for second in seconds if at(second) not in taken), before)


def differs_since(connection: Connection, account_id: int, counted: dict[str, Any], now: datetime) -> datetime:
    """Return from when on readings of what differs as it does, {metric, since, until, vendor, ours}, were in vain."""
    return connection.scalar(text(DIFFERS_SINCE), counted | {"account_id": account_id}) or now


def find_near(connection: Connection, account_id: int, spans: Mapping[Any, datetime], most: int) -> list[int]:
    """Return conversations that have something in some spans, or may have lost it; the oldest reading first.

    spans: each with the time from when on readings were in vain: what was read since then is left alone.
    """
    values = {
        "account_id": account_id,
        "epoch": EPOCH,
        "most": most,
        "sinces": [at(since) for since, _ in spans],
        "untils": [at(until) for _, until in spans],
        "differ_since": list(spans.values()),
    }
    return list(connection.scalars(text(NEAR), values))


def find_oldest(connection: Connection, account_id: int, before: datetime, most: int) -> list[int]:
    """Return the conversations whose reading is oldest, of those that were read before a time."""
    reading = func.coalesce(Conversation.history_read_at, Conversation.first_synced_at)
    query = select(Conversation.id).where(
        Conversation.account_id == account_id,
        Conversation.deleted_at.is_(None),
        Conversation.mark.is_not(None),
        reading < before,
    )
    return list(connection.scalars(query.order_by(reading, Conversation.id).limit(most)))


def doubt(connection: Connection, account_id: int, conversation_ids: Collection[int]) -> None:
    """Forget of what payload conversations were made, and that their histories were read: both are taken in anew."""
    connection.execute(
        update(Conversation)
        .where(Conversation.account_id == account_id, Conversation.id == any_of(conversation_ids))
        .values(mark=None, payload_digest=None)
    )


def days_of(connection: Connection, account_id: int, begins: Sequence[int]) -> list[str]:
    """Return the days of some times, in the account's time zone."""
    days = text(
        f"""
        SELECT to_char(given.time AT TIME ZONE account.time_zone, 'YYYY-MM-DD') FROM {SCHEMA}.accounts AS account
        CROSS JOIN unnest(CAST(:begins AS timestamptz[])) WITH ORDINALITY AS given(time, place)
        WHERE account.account_id = :account_id ORDER BY given.place
        """  # noqa: S608 -- only constants are formatted in
    )
    return list(connection.scalars(days, {"account_id": account_id, "begins": [at(begin) for begin in begins]}))


def keep_counts(connection: Connection, rows: list[dict[str, Any]]) -> None:
    """Write down counts of the vendor and of the tables; what is there already of the run is written anew."""
    if not rows:
        return
    statement = insert(VendorCount)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["account_id", "run_id", "metric", "since", "until"],
            set_={name: statement.excluded[name] for name in ("grain", "vendor", "ours", "explained_by", "asked_at")},
        ),
        rows,
    )
