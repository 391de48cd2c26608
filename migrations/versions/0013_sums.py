"""sums

What the wide views rest on become tables, which a run rewrites with the other figures for what it changed: what a contact is
owed, with what was true when it began, and what is counted of a conversation. The migration itself computes them.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0013_sums"
down_revision: str | None = "0012_targets"

SCHEMA = "helpdesk"
TEXT, NUMBER, TIME = sa.Text(), sa.BigInteger(), sa.DateTime(timezone=True)

# Name, type, whether it may be NULL, and what it is.
OBLIGATIONS = (
    ("number", NUMBER, False, "Which one of the conversation, from 1"),
    ("what", TEXT, False, "first_reply, next_reply or resolution"),
    ("opening", NUMBER, False, "In, or of which opening"),
    ("question_message_id", NUMBER, True, "Of a reply: the message with which the wait began"),
    ("since", TIME, False, "Since when (UTC)"),
    ("began_on", sa.Date(), False, "Its day, in the account's time zone"),
    (
        "was_since_earlier",
        sa.Boolean(),
        False,
        "Whether it may have been owed earlier: only a run tells that it was reopened",
    ),
    ("is_known", sa.Boolean(), False, "Whether it is known if somebody replied"),
    ("ended_by", TEXT, True, "done, given up (resolved without a reply); NULL: it is owed still"),
    ("ended_at", TIME, True, "When (UTC); NULL: it is owed still, or it is not known"),
    ("ended_not_before", TIME, True, "It did not end before this (UTC)"),
    ("ended_not_after", TIME, True, "It did not end after this (UTC)"),
    (
        "business_seconds",
        NUMBER,
        True,
        "Seconds within the inbox's working hours until it ended; NULL: there are none, or it has not ended",
    ),
    ("agent_id", NUMBER, True, "The agent who replied, or had it when it was resolved"),
    ("is_inbox_known", sa.Boolean(), False, "Whether it is known which inbox it was in then"),
    ("inbox_id", NUMBER, True, "The inbox then; not known: as the next run saw it"),
    (
        "inbox_day_starts_at",
        TIME,
        True,
        "When the inbox's day began in which that was (inbox_days); NULL: it has no working hours",
    ),
    ("is_team_known", sa.Boolean(), False, "Whether it is known which team had it then"),
    ("team_id", NUMBER, True, "The team then, likewise; NULL: none"),
    ("is_priority_known", sa.Boolean(), False, "Whether it is known which priority it had then"),
    ("priority", TEXT, True, "The priority then, likewise; NULL: none"),
    ("are_labels_known", sa.Boolean(), False, "Whether it is known which labels it had then"),
    ("labels", postgresql.ARRAY(sa.Text()), True, "The labels then, likewise"),
    ("deleted_at", TIME, True, "When a run found that the conversation was deleted (UTC)"),
)
SUMS = (
    (
        "goes_on",
        sa.Boolean(),
        False,
        "Whether it is neither resolved nor deleted: the view then counts its seconds up to now",
    ),
    ("is_resolved", sa.Boolean(), True, "Whether it is resolved"),
    ("are_ends_known", sa.Boolean(), True, "Whether it is known of each resolution when it was"),
    ("current_since", TIME, True, "When it began, or last came back (UTC)"),
    ("questions", NUMBER, False, "Times the contact began to wait, where it is known whether it was answered"),
    ("questions_answered", NUMBER, False, "Those of them that a person answered"),
    (
        "are_questions_known",
        sa.Boolean(),
        True,
        "Whether it is known of each wait whether it was answered; NULL: there was none",
    ),
    ("is_first_response_known", sa.Boolean(), True, "The same of the first wait"),
    ("first_response_seconds", NUMBER, True, "Seconds from the first question to the reply"),
    ("first_response_business_seconds", NUMBER, True, "The same within the inbox's working hours"),
    ("waiting_since", TIME, True, "Since when the contact waits (UTC)"),
    ("replies", NUMBER, False, "Messages to the contact that a person wrote"),
    ("replies_without_agent", NUMBER, False, "Those of them of which it is not told which person wrote them"),
    ("replies_not_known", NUMBER, False, "Messages to the contact that a person may have written"),
    ("agents_replied", NUMBER, False, "Different agents who replied"),
    ("last_message_at", TIME, True, "The last message of contact or person (UTC)"),
    ("agents_assigned", NUMBER, True, "Different agents to whom it was assigned; NULL: not seen"),
    ("teams_involved", NUMBER, True, "Different teams that had it, likewise"),
    ("assignments", NUMBER, True, "Times it became an agent's, likewise"),
    ("handovers", NUMBER, True, "Times it went from one agent to another, likewise"),
    ("first_assignment_seconds_at_least", NUMBER, True, "Seconds until a run last saw it unassigned"),
    ("first_assignment_seconds_at_most", NUMBER, True, "Seconds until a run first saw it assigned"),
    ("bot_handoffs", NUMBER, False, "Times a bot gave it to people"),
    (
        "nobodys_seconds",
        NUMBER,
        True,
        "Of one that does not go on: seconds in which runs saw that nobody owned it; NULL: none",
    ),
    ("perhaps_nobodys_seconds", NUMBER, True, "Likewise: in which no run looked whether it was so"),
    ("unresolved_seconds", NUMBER, True, "Likewise: of all openings"),
    ("open_seconds", NUMBER, True, "Likewise: with status open"),
    ("pending_seconds", NUMBER, True, "Likewise: with status pending"),
    ("snoozed_seconds", NUMBER, True, "Likewise: with status snoozed"),
    ("unseen_seconds", NUMBER, True, "Likewise: with a status that no run saw, or that is new to us"),
    ("waiting_seconds", NUMBER, True, "Likewise: of all waits"),
    ("resolutions", NUMBER, False, "Times it was resolved"),
    ("reopenings", NUMBER, False, "Times it came back"),
    ("first_resolution_seconds", NUMBER, True, "Seconds from its beginning to its first resolution"),
    ("first_resolution_business_seconds", NUMBER, True, "The same within the inbox's working hours"),
    ("last_resolution_seconds", NUMBER, True, "Seconds from its beginning to its last resolution"),
    ("last_resolution_business_seconds", NUMBER, True, "The same within the inbox's working hours"),
    (
        "last_resolver",
        TEXT,
        True,
        "Who owned it when it was resolved last: agent, bot, nobody, not known; NULL: never resolved",
    ),
    (
        "is_first_for_good",
        sa.Boolean(),
        True,
        "Whether the first resolution held for seven days, where a reopening tells; NULL: none, or not known",
    ),
    ("is_last_for_good", sa.Boolean(), True, "The same of the last resolution"),
    (
        "holds_from",
        TIME,
        True,
        "Of one that is resolved: when the last resolution will have held for seven days, unless it comes back",
    ),
)


def upgrade() -> None:
    """Apply."""
    _create(
        "obligations",
        OBLIGATIONS,
        "What a contact is owed, each time, with what was true of the conversation when it began to be owed.",
        "number",
    )
    op.create_index("obligations_account_id_began_on_idx", "obligations", ["account_id", "began_on"], schema=SCHEMA)
    _create("conversation_sums", SUMS, "What is counted of a conversation, as bi.conversation_metrics shows it.")
    op.add_column(
        "figures_computed",
        sa.Column("time_zone", TEXT, nullable=True, comment="In which time zone its days were"),
        schema=SCHEMA,
    )


def _create(table: str, columns: tuple[tuple[str, Any, bool, str], ...], what: str, *key: str) -> None:
    op.create_table(
        table,
        *(
            sa.Column(name, NUMBER, autoincrement=False, nullable=False, comment=comment)
            for name, comment in (
                ("account_id", "The vendor's number of the account"),
                ("conversation_id", "The conversation"),
            )
        ),
        *(sa.Column(name, kind, nullable=may_lack, comment=comment) for name, kind, may_lack, comment in columns),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", *key, name=f"{table}_pkey"),
        schema=SCHEMA,
        comment=what,
    )


def downgrade() -> None:
    """Take back."""
    op.drop_column("figures_computed", "time_zone", schema=SCHEMA)
    op.drop_table("conversation_sums", schema=SCHEMA)
    op.drop_table("obligations", schema=SCHEMA)
