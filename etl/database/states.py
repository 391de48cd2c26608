"""The table of what was true of conversations, and from when to when: the API tells only what is true now."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index, false, text
from sqlalchemy.orm import Mapped

from etl.database.base import Base, OfAccount, column, refers_to


class ConversationState(OfAccount, Base):
    """What was true of a conversation from when to when, as seen by the runs."""

    __tablename__ = "conversation_states"
    __table_args__ = (
        refers_to("conversations", "conversation_id"),
        CheckConstraint("valid_to > valid_from", name="order"),
        Index(
            "conversation_states_open_key",
            "account_id",
            "conversation_id",
            unique=True,
            postgresql_where=text("valid_to IS NULL"),
        ),
        {"comment": __doc__},
    )

    conversation_id: Mapped[int] = column(primary_key=True, autoincrement=False, comment="The conversation")
    valid_from: Mapped[datetime] = column(primary_key=True, comment="When a run first saw this state (UTC)")
    valid_to: Mapped[datetime | None] = column(comment="When a run first saw another (UTC); NULL: still true")
    status: Mapped[str | None] = column(comment="Status")
    assignee_type: Mapped[str | None] = column(comment="What owned it: user, agent_bot ...; NULL: nobody, or not known")
    assignee_id: Mapped[int | None] = column(comment="Agent")
    assignee_bot_type: Mapped[str | None] = column(comment="Type of the bot")
    assignee_bot_id: Mapped[int | None] = column(comment="Bot")
    team_id: Mapped[int | None] = column(comment="Team")
    priority: Mapped[str | None] = column(comment="Priority")
    muted: Mapped[bool] = column(server_default=false(), comment="Whether the contact was muted or blocked")
