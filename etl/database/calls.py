"""What a message tells of the call that it stands for."""

from sqlalchemy.orm import Mapped

from etl.database.base import column


class OfCall:
    """The columns of a message of content type voice_call (servers from 4.14)."""

    call_provider: Mapped[str | None] = column(comment="Of a voice_call: who carried the call, such as twilio")
    call_direction: Mapped[str | None] = column(comment="Of a voice_call: incoming or outgoing")
    call_status: Mapped[str | None] = column(comment="Of a voice_call: completed, no_answer, failed ..., as sent")
    call_duration_seconds: Mapped[int | None] = column(comment="Of a voice_call: how long it was")
    call_end_reason: Mapped[str | None] = column(comment="Of a voice_call: why it ended, as sent")
