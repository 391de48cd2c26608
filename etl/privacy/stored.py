"""How the personal data of an account are stored, as the tables tell, and which contacts are forgotten."""

from sqlalchemy import Connection, func, select, update
from sqlalchemy.dialects.postgresql import insert

from etl.database.bookkeeping import Redaction, SuppressedContact
from etl.database.dimensions import Account
from etl.database.models import Conversation
from etl.errors import SettingsError
from etl.id_set import IdSet
from etl.privacy.batches import Forgotten
from etl.privacy.rules import Way

# What a conversation has instead of the digest of a payload, so that it is taken in anew and then gets one.
NO_DIGEST = "taken in before etl redact"


def stored_as(connection: Connection, account_id: int) -> tuple[str, str | None] | None:
    """Return mode and key fingerprint of what is stored of an account; None when nothing is."""
    found = connection.execute(
        select(Account.personal_data, Account.personal_data_key).where(Account.account_id == account_id)
    ).first()
    return (found.personal_data, found.personal_data_key) if found else None


def is_being_redacted(connection: Connection, account_id: int) -> bool:
    """Return whether `etl redact` was begun and is not done."""
    return connection.execute(select(Redaction.mode).where(Redaction.account_id == account_id)).first() is not None


def set_stored_as(connection: Connection, account_id: int, way: Way) -> None:
    """Write down how the personal data of an account are stored."""
    connection.execute(
        update(Account)
        .where(Account.account_id == account_id)
        .values(personal_data=way.mode, personal_data_key=way.fingerprint)
    )


def set_dropped(connection: Connection, account_id: int) -> None:
    """Write down that what was stored until now lacks what could not be rewritten: read again, it did not change."""
    connection.execute(update(Account).where(Account.account_id == account_id).values(dropped_until=func.now()))


def require_stored(connection: Connection, account_id: int) -> tuple[str, str | None]:
    """Return how personal data of an account are stored; raise SettingsError when nothing of it is."""
    if (stored := stored_as(connection, account_id)) is None:
        raise SettingsError(f"Nothing of account {account_id} is stored. Is ETL_ACCOUNT_ID right?")
    return stored


def require(connection: Connection, account_id: int, base_url: str, way: Way) -> None:
    """Make the account's row if there is none; raise SettingsError when personal data are stored in another way."""
    connection.execute(
        insert(Account)
        .values(account_id=account_id, base_url=base_url, personal_data=way.mode, personal_data_key=way.fingerprint)
        .on_conflict_do_nothing()
    )
    require_way(connection, account_id, way)


def require_way(connection: Connection, account_id: int, way: Way) -> None:
    """Raise SettingsError when personal data of an account are stored in another way than this."""
    if is_being_redacted(connection, account_id):
        raise SettingsError(
            f"`etl redact` was begun and is not done: some of account {account_id} is rewritten, and some is not."
            " Run it again; it goes on where it was."
        )
    stored = stored_as(connection, account_id)
    if stored is None or stored == (way.mode, way.fingerprint):
        return
    mode, _ = stored
    if mode == way.mode:
        raise SettingsError(
            f"ETL_PII_KEY is not the key by which the tables of account {account_id} were hashed. Set the old key,"
            " or run `etl redact`."
        )
    raise SettingsError(
        f"ETL_PII is {way.mode}, and in the tables of account {account_id} it is {mode}. Set it to {mode}, or run"
        " `etl redact`, which rewrites what is stored."
    )


def forgotten(connection: Connection, account_id: int) -> Forgotten:
    """Return who is forgotten, and their conversations."""
    contacts = connection.execute(
        select(SuppressedContact.contact_id, SuppressedContact.suppressed_at).where(
            SuppressedContact.account_id == account_id
        )
    ).all()
    if not contacts:
        return Forgotten()
    theirs = connection.scalars(
        select(Conversation.id).where(Conversation.account_id == account_id, Conversation.forgotten_at.is_not(None))
    )
    return Forgotten({row.contact_id: row.suppressed_at for row in contacts}, IdSet(theirs))
