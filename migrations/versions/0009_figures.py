"""figures

What the views of openings, waits and days rest on become plain tables, which a run rewrites for what it changed, beside
what happened to each conversation. Until now two materialised views were computed anew for all accounts by every run.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0009_figures"
down_revision: str | None = "0008_readers"

SCHEMA = "helpdesk"
WRITTEN_AT = "LEAST(created_at, first_synced_at)"
NEW = (
    "conversation_events",
    "conversation_openings",
    "customer_waits",
    "open_spans",
    "inbox_days",
    "stale_figures",
    "figures_computed",
    "holidays",
)
OF_ACCOUNTS = ("week_starts", "weekend", "holidays")


def upgrade() -> None:
    """Apply."""
    # The materialised views, whose names tables take, are dropped by now with the views that read them (`schema.drop`).
    op.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.refresh_figures()")
    op.add_column(
        "accounts",
        sa.Column(
            "week_starts",
            sa.SmallInteger,
            server_default="1",
            nullable=False,
            comment="Day on which weeks begin (ETL_WEEK_STARTS): 1 Monday to 7 Sunday",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "accounts",
        sa.Column(
            "weekend",
            postgresql.ARRAY(sa.SmallInteger),
            server_default="{6,7}",
            nullable=False,
            comment="Days of the weekend (ETL_WEEKEND): 1 Monday to 7 Sunday",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "accounts",
        sa.Column(
            "holidays",
            postgresql.ARRAY(sa.Text),
            server_default="{}",
            nullable=False,
            comment="Countries whose public holidays are kept (ETL_HOLIDAYS)",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "conversation_states",
        sa.Column(
            "muted",
            sa.Boolean,
            server_default=sa.false(),
            nullable=False,
            comment="Whether the contact was muted or blocked",
        ),
        schema=SCHEMA,
    )
    op.drop_index("conversation_states_unresolved_idx", "conversation_states", schema=SCHEMA)
    op.drop_index("messages_account_id_created_at_idx", "messages", schema=SCHEMA)
    op.drop_index("messages_account_id_agent_id_created_at_idx", "messages", schema=SCHEMA)
    op.create_index("messages_written_idx", "messages", ["account_id", sa.text(WRITTEN_AT)], schema=SCHEMA)
    op.create_index("messages_agents_idx", "messages", ["account_id", "agent_id", sa.text(WRITTEN_AT)], schema=SCHEMA)
    op.create_index(
        "messages_ahead_idx",
        "messages",
        ["account_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("created_at > first_synced_at"),
    )
    op.create_index(
        "messages_named_idx",
        "messages",
        ["account_id"],
        schema=SCHEMA,
        postgresql_where=sa.text("sender_type IS NULL AND (extra ->> 'sender_name') <> ''"),
    )
    op.create_index(
        "conversations_deleted_idx",
        "conversations",
        ["account_id", "deleted_at"],
        schema=SCHEMA,
        postgresql_where=sa.text("deleted_at IS NOT NULL"),
    )
    op.create_table(
        "conversation_events",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("conversation_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The conversation"),
        sa.Column(
            "number",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="Which one of the conversation, from 1",
        ),
        sa.Column(
            "at", sa.DateTime(timezone=True), nullable=True, comment="When (UTC): as exactly as the source tells it"
        ),
        sa.Column(
            "kind",
            sa.Text(),
            nullable=False,
            comment="opened, resolved, reopened; assigned, team, snoozed, pending, resumed, handed_off, priority",
        ),
        sa.Column(
            "source",
            sa.Text(),
            nullable=False,
            comment="vendor (its record), message, activity, seen (a run's two states), inferred (docs/metrics.md)",
        ),
        sa.Column(
            "opening",
            sa.BigInteger(),
            nullable=True,
            comment="Of opened, resolved and reopened: which opening; else NULL",
        ),
        sa.Column(
            "agent_id",
            sa.BigInteger(),
            nullable=True,
            comment="The agent who owned it from then on, or when it was resolved",
        ),
        sa.Column(
            "bot_type", sa.Text(), nullable=True, comment="Type of the bot that owned it, likewise; NULL: none did"
        ),
        sa.Column("bot_id", sa.BigInteger(), nullable=True, comment="The bot that owned it, likewise; NULL: none did"),
        sa.Column("team_id", sa.BigInteger(), nullable=True, comment="The team that had it, likewise"),
        sa.Column("priority", sa.Text(), nullable=True, comment="Of priority: the new one"),
        sa.Column(
            "message_id",
            sa.BigInteger(),
            nullable=True,
            comment="The message or activity that tells it; NULL: none does",
        ),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=True, comment="It was not before this (UTC)"),
        sa.Column("not_after", sa.DateTime(timezone=True), nullable=True, comment="It was not after this (UTC)"),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", "number", name="conversation_events_pkey"),
        schema=SCHEMA,
        comment="What changed a conversation, when, and what tells it.",
    )
    op.create_index(
        "conversation_events_account_id_at_idx",
        "conversation_events",
        ["account_id", "at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_table(
        "conversation_openings",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("conversation_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The conversation"),
        sa.Column(
            "opening",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="1 when it began, 2 when it was reopened for the first time ...",
        ),
        sa.Column("is_current", sa.Boolean(), nullable=False, comment="Whether it is the last one so far"),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=True, comment="When it began, or came back (UTC)"),
        sa.Column(
            "opened_by",
            sa.Text(),
            nullable=False,
            comment="What tells it: vendor (the conversation's record), message (the contact's), activity, seen (a run)",
        ),
        sa.Column(
            "opened_message_id",
            sa.BigInteger(),
            nullable=True,
            comment="The message or activity that tells it; NULL: none does",
        ),
        sa.Column(
            "opened_not_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="It was not opened before this (UTC)",
        ),
        sa.Column(
            "opened_not_after", sa.DateTime(timezone=True), nullable=True, comment="It was not opened after this (UTC)"
        ),
        sa.Column(
            "resolved_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it was resolved (UTC); NULL: not yet",
        ),
        sa.Column(
            "resolved_at_is",
            sa.Text(),
            nullable=True,
            comment="told (by an activity), bounded (by the last message, and by who saw it), not known (seconds are NULL)",
        ),
        sa.Column(
            "resolved_by",
            sa.Text(),
            nullable=True,
            comment="What tells that it was resolved: seen (a run saw it), inferred (the contact came back after it)",
        ),
        sa.Column(
            "resolved_message_id",
            sa.BigInteger(),
            nullable=True,
            comment="The message or activity that tells when; NULL: none does",
        ),
        sa.Column(
            "resolved_not_before",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="It was not resolved before this (UTC)",
        ),
        sa.Column(
            "resolved_not_after",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="It was not resolved after this (UTC)",
        ),
        sa.Column(
            "resolution_seconds", sa.BigInteger(), nullable=True, comment="Seconds from its opening to its resolution"
        ),
        sa.Column(
            "resolution_business_seconds",
            sa.BigInteger(),
            nullable=True,
            comment="The same within the inbox's working hours; NULL where it has none",
        ),
        sa.Column(
            "agent_id",
            sa.BigInteger(),
            nullable=True,
            comment="The agent to which it was assigned when it was resolved; NULL: to none, or it is not known",
        ),
        sa.Column("bot_type", sa.Text(), nullable=True, comment="Type of that bot"),
        sa.Column(
            "bot_id",
            sa.BigInteger(),
            nullable=True,
            comment="The bot to which it was assigned when it was resolved; NULL: to none, or it is not known",
        ),
        sa.Column(
            "team_id",
            sa.BigInteger(),
            nullable=True,
            comment="The team to which it was assigned when it was resolved; NULL: to none, or it is not known",
        ),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", "opening", name="conversation_openings_pkey"),
        schema=SCHEMA,
        comment="From when to when a conversation was open, each time.",
    )
    op.create_index(
        "conversation_openings_account_id_opened_at_idx",
        "conversation_openings",
        ["account_id", "opened_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "conversation_openings_account_id_resolved_at_idx",
        "conversation_openings",
        ["account_id", "resolved_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "conversation_openings_open_idx",
        "conversation_openings",
        ["account_id", "conversation_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "customer_waits",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("conversation_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The conversation"),
        sa.Column(
            "question_message_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The message with which it began",
        ),
        sa.Column("opening", sa.BigInteger(), nullable=False, comment="In which opening of the conversation"),
        sa.Column("is_first", sa.Boolean(), nullable=False, comment="Whether it is the first wait of the opening"),
        sa.Column(
            "is_known",
            sa.Boolean(),
            nullable=False,
            comment="False: a message lies in it whose author is not told, so that nobody knows whether it was answered",
        ),
        sa.Column("waiting_since", sa.DateTime(timezone=True), nullable=False, comment="When the contact asked (UTC)"),
        sa.Column(
            "ended_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When it ended by a reply or the resolution (UTC); NULL: not yet",
        ),
        sa.Column(
            "answer_message_id", sa.BigInteger(), nullable=True, comment="The reply; NULL: none, or it is not known"
        ),
        sa.Column(
            "answered_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a person replied (UTC); NULL: nobody, or not known",
        ),
        sa.Column("agent_id", sa.BigInteger(), nullable=True, comment="The agent who replied"),
        sa.Column("reply_seconds", sa.BigInteger(), nullable=True, comment="Seconds from question to reply"),
        sa.Column(
            "reply_business_seconds",
            sa.BigInteger(),
            nullable=True,
            comment="The same within the inbox's working hours; NULL where it has none",
        ),
        sa.Column(
            "reply_seconds_from_assignment",
            sa.BigInteger(),
            nullable=True,
            comment="The same from the assignment to who replied, where that was later; NULL: not seen as assigned",
        ),
        sa.Column(
            "is_resolved_unanswered",
            sa.Boolean(),
            nullable=True,
            comment="Whether it ended by resolving the conversation, without a reply; NULL: not known",
        ),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", "question_message_id", name="customer_waits_pkey"),
        schema=SCHEMA,
        comment="How long a contact waited for a person's reply, each time.",
    )
    op.create_index(
        "customer_waits_account_id_answered_at_idx",
        "customer_waits",
        ["account_id", "answered_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "customer_waits_account_id_waiting_since_idx",
        "customer_waits",
        ["account_id", "waiting_since"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "customer_waits_open_idx",
        "customer_waits",
        ["account_id", "conversation_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "open_spans",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("conversation_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The conversation"),
        sa.Column(
            "number",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="Which one of the conversation, from 1",
        ),
        sa.Column(
            "since",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="From when on (UTC); NULL: its begin is not told",
        ),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True, comment="Until when (UTC); NULL: it is still so"),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True, comment="The inbox that the conversation is in now"),
        sa.Column(
            "status",
            sa.Text(),
            nullable=True,
            comment="Status as a run saw it then, or next; resolved: not yet seen reopened",
        ),
        sa.Column("team_id", sa.BigInteger(), nullable=True, comment="The team that had it, likewise"),
        sa.Column("agent_id", sa.BigInteger(), nullable=True, comment="The agent to whom it was assigned, likewise"),
        sa.Column(
            "bot_type", sa.Text(), nullable=True, comment="Type of the bot that owned it, likewise; NULL: none did"
        ),
        sa.Column("bot_id", sa.BigInteger(), nullable=True, comment="The bot that owned it, likewise; NULL: none did"),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", "number", name="open_spans_pkey"),
        schema=SCHEMA,
        comment="From when to when a conversation was open with one status, team and owner.",
    )
    op.create_index(
        "open_spans_during_idx",
        "open_spans",
        [sa.text("tstzrange(since, until)")],
        unique=False,
        schema=SCHEMA,
        postgresql_using="gist",
    )
    op.create_table(
        "inbox_days",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("inbox_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The inbox"),
        sa.Column("starts_at", sa.DateTime(timezone=True), nullable=False, comment="When the day begins there (UTC)"),
        sa.Column("day", sa.Date(), nullable=False, comment="Day in the inbox's time zone"),
        sa.Column(
            "opens", sa.DateTime(timezone=True), nullable=True, comment="When it opens (UTC); NULL: it is closed"
        ),
        sa.Column("closes", sa.DateTime(timezone=True), nullable=True, comment="When it closes (UTC)"),
        sa.Column(
            "open_before", postgresql.INTERVAL(), nullable=False, comment="How long it was open on all days before"
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "inbox_id"],
            [f"{SCHEMA}.inboxes.account_id", f"{SCHEMA}.inboxes.id"],
            name="inbox_days_account_id_inbox_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "inbox_id", "starts_at", name="inbox_days_pkey"),
        schema=SCHEMA,
        comment="The opening hours of an inbox on a day, holidays left out, as business seconds are counted.",
    )
    op.create_table(
        "stale_figures",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("conversation_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The conversation"),
        sa.PrimaryKeyConstraint("account_id", "conversation_id", name="stale_figures_pkey"),
        schema=SCHEMA,
        comment="A conversation whose rows changed since its figures were computed.",
    )
    op.create_table(
        "figures_computed",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column(
            "computed_at", sa.DateTime(timezone=True), nullable=False, comment="When they were computed last (UTC)"
        ),
        sa.Column("rules", sa.Text(), nullable=False, comment="By which version of the rules"),
        sa.ForeignKeyConstraint(
            ["account_id"], [f"{SCHEMA}.accounts.account_id"], name="figures_computed_account_id_fkey"
        ),
        sa.PrimaryKeyConstraint("account_id", name="figures_computed_pkey"),
        schema=SCHEMA,
        comment="When the figures of an account were computed.",
    )
    op.create_table(
        "holidays",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("country", sa.Text(), nullable=False, comment="Country, ISO 3166-1 alpha-2, or with its part: DE-BY"),
        sa.Column("day", sa.Date(), nullable=False, comment="The day"),
        sa.Column("name", sa.Text(), nullable=False, comment="What it is called there"),
        sa.ForeignKeyConstraint(["account_id"], [f"{SCHEMA}.accounts.account_id"], name="holidays_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "country", "day", name="holidays_pkey"),
        schema=SCHEMA,
        comment="A public holiday of one of the countries that the account keeps (ETL_HOLIDAYS).",
    )


def downgrade() -> None:
    """Take back."""
    # With its triggers: they note what changed in a table that goes.
    for name in ("messages", "conversations", "states", "agents"):
        op.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.mark_stale_by_{name}() CASCADE")
    for name in ("refresh_figures", "known_time_zone", "time_zone_links", "are_working_hours"):
        op.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.{name}")
    for name in reversed(NEW):
        op.drop_table(name, schema=SCHEMA)
    op.drop_index("conversations_deleted_idx", "conversations", schema=SCHEMA)
    op.drop_index("messages_named_idx", "messages", schema=SCHEMA)
    op.drop_index("messages_ahead_idx", "messages", schema=SCHEMA)
    op.drop_index("messages_agents_idx", "messages", schema=SCHEMA)
    op.drop_index("messages_written_idx", "messages", schema=SCHEMA)
    op.create_index(
        "messages_account_id_agent_id_created_at_idx",
        "messages",
        ["account_id", "agent_id", "created_at"],
        schema=SCHEMA,
    )
    op.create_index("messages_account_id_created_at_idx", "messages", ["account_id", "created_at"], schema=SCHEMA)
    op.create_index(
        "conversation_states_unresolved_idx",
        "conversation_states",
        [sa.text("tstzrange(valid_from, valid_to)")],
        postgresql_using="gist",
        postgresql_where=sa.text("status <> 'resolved'"),
        schema=SCHEMA,
    )
    op.drop_column("conversation_states", "muted", schema=SCHEMA)
    for name in reversed(OF_ACCOUNTS):
        op.drop_column("accounts", name, schema=SCHEMA)
