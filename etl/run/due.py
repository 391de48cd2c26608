"""Whether a run has to walk every page, or from when on it may read what changed."""

import hashlib
from datetime import datetime, timedelta

from sqlalchemy import Engine

from etl.database.base import REVISION
from etl.database.engine import transaction
from etl.load import earlier_runs, proofs
from etl.load.clock import Clock
from etl.privacy.rules import way_of
from etl.run.intake import VERSION
from etl.selection import Selection
from etl.settings.settings import Settings

# How far before the last complete run what changed is read: clocks differ, and a page may be older than it seems.
OVERLAP = timedelta(days=2)
# A walk is due half a day before its time, as nights do not begin at the same second.
EARLY = timedelta(hours=12)


def fingerprint(settings: Settings) -> str:
    """Return by what a run knows that the last walk read as it would: version, settings of what is kept, and token."""
    way = way_of(settings)
    told = (
        REVISION,
        VERSION,
        settings.server_name or settings.base_url,
        settings.api_token.get_secret_value(),
        settings.messages,
        settings.contacts,
        way.mode,
        way.digest_key,
    )
    return hashlib.sha256("\n".join(map(str, told)).encode()).hexdigest()


def since(engine: Engine, settings: Settings, selection: Selection) -> datetime | None:
    """Return from when on a run has to read what changed (UTC): of what is recent, or to prove the rest by counts.

    None where it has to walk every page: it is asked to, a walk is due, the last one read otherwise, or the last run
    over everything was not complete, so that what it left may be anywhere; of what is recent, where none was complete.
    """
    if selection.recent:
        complete = earlier_runs.last_complete_start(engine, settings.account_id)
        return complete and complete - OVERLAP
    wants_all = selection.full or selection.audit or selection.accept_contract or selection.kind == "backfill"
    if wants_all or selection.chosen() or not settings.walk_days:
        return None
    with transaction(engine) as connection:
        now = Clock.of(connection).at
        walked_at, walked_as = proofs.last_walk(connection, settings.account_id)
    begun = earlier_runs.last_whole_start(engine, settings.account_id)
    if walked_at is None or walked_as != fingerprint(settings) or begun is None or begun > now:
        return None
    if not timedelta() <= now - walked_at < timedelta(days=settings.walk_days) - EARLY:
        return None
    return min(begun - OVERLAP, now - timedelta(days=settings.reread_days))
