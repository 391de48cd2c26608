"""everything

What else the vendor tells: members, policies, campaigns, its own events and its own counts; what changed, by field; and
what was verified. Contacts can be gone, or merged into others.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0010_everything"
down_revision: str | None = "0009_figures"

SCHEMA = "helpdesk"
NEW = (
    "field_changes",
    "sla_policies",
    "verifications",
    "campaigns",
    "inbox_members",
    "team_members",
    "vendor_counts",
    "reporting_events",
)
NEW_COLUMNS = {
    "sync_runs": ("books", "contact_ledger"),
    "contacts": ("merged_into", "deleted_at", "listed", "digests"),
    "conversations": ("digests", "events_read_at"),
    "accounts": ("dropped_until", "events_listed_until"),
    "agents": ("is_listed",),
}


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "field_changes",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("number", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Number of the change"),
        sa.Column("entity", sa.Text(), nullable=False, comment="conversation or contact"),
        sa.Column("entity_id", sa.BigInteger(), nullable=False, comment="The vendor's number of it"),
        sa.Column(
            "field",
            sa.Text(),
            nullable=False,
            comment="labels (as a sorted list), custom_attributes.KEY, additional_attributes.KEY, or the column",
        ),
        sa.Column(
            "before",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What it was, or its hash; NULL: nothing, or not kept (ETL_PII)",
        ),
        sa.Column(
            "after",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What it became, likewise",
        ),
        sa.Column(
            "seen_at",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When a run saw it (UTC): it changed since the run before it",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["helpdesk.accounts.account_id"], name="field_changes_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "number", name="field_changes_pkey"),
        schema=SCHEMA,
        comment="A field of a conversation or contact that changed, as seen by the runs.",
    )
    op.create_index(
        "field_changes_account_id_entity_entity_id_seen_at_idx",
        "field_changes",
        ["account_id", "entity", "entity_id", "seen_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "field_changes_account_id_seen_at_idx", "field_changes", ["account_id", "seen_at"], unique=False, schema=SCHEMA
    )
    op.create_table(
        "sla_policies",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column(
            "id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The vendor's number of the policy"
        ),
        sa.Column("name", sa.Text(), nullable=True, comment="Name"),
        sa.Column("description", sa.Text(), nullable=True, comment="Description"),
        sa.Column(
            "first_response_time_threshold",
            sa.DOUBLE_PRECISION(),
            nullable=True,
            comment="Seconds until the first response; NULL: none",
        ),
        sa.Column(
            "next_response_time_threshold",
            sa.DOUBLE_PRECISION(),
            nullable=True,
            comment="Seconds until each next one; NULL: none",
        ),
        sa.Column(
            "resolution_time_threshold",
            sa.DOUBLE_PRECISION(),
            nullable=True,
            comment="Seconds until it is resolved; NULL: none",
        ),
        sa.Column(
            "only_during_business_hours", sa.Boolean(), nullable=True, comment="Whether only business hours count"
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What the vendor sent and no column holds, by the vendor's names; NULL when nothing",
        ),
        sa.Column(
            "first_synced_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When a run first saved the row (UTC)",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When something else in the row last changed (UTC)",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["helpdesk.accounts.account_id"], name="sla_policies_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "id", name="sla_policies_pkey"),
        schema=SCHEMA,
        comment="What is promised to contacts: how soon they are answered (where the edition has it).",
    )
    op.create_table(
        "verifications",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column(
            "number", sa.BigInteger(), sa.Identity(always=False), nullable=False, comment="Number of the verification"
        ),
        sa.Column(
            "selection",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What was drawn from; NULL: everything",
        ),
        sa.Column("sample", sa.BigInteger(), nullable=True, comment="How many of each were drawn; NULL: all"),
        sa.Column("seed", sa.BigInteger(), nullable=True, comment="The seed that draws the same sample; NULL: all"),
        sa.Column(
            "started_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="Begin (UTC)",
        ),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=False, comment="End (UTC)"),
        sa.Column("conversations", sa.BigInteger(), nullable=False, comment="Conversations compared"),
        sa.Column("messages", sa.BigInteger(), nullable=False, comment="Messages compared"),
        sa.Column("fields", sa.BigInteger(), nullable=False, comment="Fields compared, of both"),
        sa.Column(
            "conversations_differing",
            sa.BigInteger(),
            nullable=False,
            comment="Conversations that differed in some field, or were missing",
        ),
        sa.Column(
            "messages_differing",
            sa.BigInteger(),
            nullable=False,
            comment="Messages that differed in some field, or were missing",
        ),
        sa.Column(
            "unreadable",
            sa.BigInteger(),
            nullable=False,
            comment="Conversations that could not be read, so that nothing is known of them",
        ),
        sa.Column(
            "repaired",
            sa.BigInteger(),
            nullable=False,
            comment="How many of the differing ones, of both, were repaired (--repair)",
        ),
        sa.Column(
            "confidence",
            sa.DOUBLE_PRECISION(),
            nullable=False,
            comment="With which confidence the bound holds, from 0 to 1",
        ),
        sa.Column(
            "messages_bound",
            sa.DOUBLE_PRECISION(),
            nullable=True,
            comment="At most this share of the messages differs, from 0 to 1; NULL: nothing was compared",
        ),
        sa.ForeignKeyConstraint(["account_id"], ["helpdesk.accounts.account_id"], name="verifications_account_id_fkey"),
        sa.PrimaryKeyConstraint("account_id", "number", name="verifications_pkey"),
        schema=SCHEMA,
        comment="What `etl verify` compared, and what that permits to say.",
    )
    op.create_table(
        "campaigns",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column(
            "id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the campaign: the account's own running number",
        ),
        sa.Column("title", sa.Text(), nullable=True, comment="Title"),
        sa.Column("description", sa.Text(), nullable=True, comment="Description"),
        sa.Column("message", sa.Text(), nullable=True, comment="What is sent"),
        sa.Column("campaign_type", sa.Text(), nullable=True, comment="ongoing (on a website) or one_off"),
        sa.Column("campaign_status", sa.Text(), nullable=True, comment="active or completed"),
        sa.Column("enabled", sa.Boolean(), nullable=True, comment="Whether it is switched on"),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True, comment="Where it is sent from"),
        sa.Column(
            "sender_id",
            sa.BigInteger(),
            nullable=True,
            comment="The agent in whose name it is sent; NULL: a bot, or nobody",
        ),
        sa.Column(
            "audience",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="As sent: to whom a one_off goes",
        ),
        sa.Column(
            "trigger_rules",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="As sent: when an ongoing one is shown",
        ),
        sa.Column(
            "trigger_only_during_business_hours", sa.Boolean(), nullable=True, comment="Whether only in business hours"
        ),
        sa.Column(
            "scheduled_at", sa.DateTime(timezone=True), nullable=True, comment="When a one_off is to be sent (UTC)"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=True, comment="When it was created (UTC)"),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=True, comment="The vendor's last change of it (UTC)"
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What the vendor sent and no column holds, by the vendor's names; NULL when nothing",
        ),
        sa.Column(
            "first_synced_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When a run first saved the row (UTC)",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When something else in the row last changed (UTC)",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "inbox_id"],
            ["helpdesk.inboxes.account_id", "helpdesk.inboxes.id"],
            name="campaigns_account_id_inbox_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "sender_id"],
            ["helpdesk.agents.account_id", "helpdesk.agents.id"],
            name="campaigns_account_id_sender_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="campaigns_pkey"),
        schema=SCHEMA,
        comment="A campaign: messages that go out by themselves.",
    )
    op.create_table(
        "inbox_members",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("inbox_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The inbox"),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The agent"),
        sa.Column(
            "valid_from",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When a run first saw the membership (UTC)",
        ),
        sa.Column(
            "valid_to",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a run first saw that it had ended (UTC); NULL: still true",
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("inbox_members_order_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "agent_id"],
            ["helpdesk.agents.account_id", "helpdesk.agents.id"],
            name="inbox_members_account_id_agent_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "inbox_id"],
            ["helpdesk.inboxes.account_id", "helpdesk.inboxes.id"],
            name="inbox_members_account_id_inbox_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "inbox_id", "agent_id", "valid_from", name="inbox_members_pkey"),
        schema=SCHEMA,
        comment="Who was a member of an inbox from when to when, as seen by the runs.",
    )
    op.create_index(
        "inbox_members_account_id_agent_id_idx",
        "inbox_members",
        ["account_id", "agent_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "inbox_members_open_key",
        "inbox_members",
        ["account_id", "inbox_id", "agent_id"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "team_members",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("team_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The team"),
        sa.Column("agent_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The agent"),
        sa.Column(
            "valid_from",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="When a run first saw the membership (UTC)",
        ),
        sa.Column(
            "valid_to",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a run first saw that it had ended (UTC); NULL: still true",
        ),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("team_members_order_check")),
        sa.ForeignKeyConstraint(
            ["account_id", "agent_id"],
            ["helpdesk.agents.account_id", "helpdesk.agents.id"],
            name="team_members_account_id_agent_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "team_id"],
            ["helpdesk.teams.account_id", "helpdesk.teams.id"],
            name="team_members_account_id_team_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "team_id", "agent_id", "valid_from", name="team_members_pkey"),
        schema=SCHEMA,
        comment="Who was a member of a team from when to when, as seen by the runs.",
    )
    op.create_index(
        "team_members_account_id_agent_id_idx", "team_members", ["account_id", "agent_id"], unique=False, schema=SCHEMA
    )
    op.create_index(
        "team_members_open_key",
        "team_members",
        ["account_id", "team_id", "agent_id"],
        unique=True,
        schema=SCHEMA,
        postgresql_where=sa.text("valid_to IS NULL"),
    )
    op.create_table(
        "vendor_counts",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column("run_id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The run that asked"),
        sa.Column(
            "metric",
            sa.Text(),
            nullable=False,
            comment="conversations, incoming_messages, outgoing_messages, surveys_sent, rating_1 ...",
        ),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, comment="Begin of the range (UTC)"),
        sa.Column(
            "until",
            sa.DateTime(timezone=True),
            nullable=False,
            comment="End of the range, which it does not contain (UTC)",
        ),
        sa.Column("grain", sa.Text(), nullable=False, comment="all, month or day: how the range was asked for"),
        sa.Column("vendor", sa.BigInteger(), nullable=False, comment="What the vendor counts"),
        sa.Column("ours", sa.BigInteger(), nullable=False, comment="What the tables count"),
        sa.Column(
            "explained_by",
            sa.Text(),
            nullable=True,
            comment="Why they differ, where that is known; NULL: they agree, or not",
        ),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, comment="When it was asked for last (UTC)"),
        sa.ForeignKeyConstraint(
            ["account_id", "run_id"],
            ["helpdesk.sync_runs.account_id", "helpdesk.sync_runs.run_id"],
            name="vendor_counts_account_id_run_id_fkey",
        ),
        sa.PrimaryKeyConstraint("account_id", "run_id", "metric", "since", "until", name="vendor_counts_pkey"),
        schema=SCHEMA,
        comment="The vendor's own count of something in a range of time, beside what the tables had when it was asked for.",
    )
    op.create_table(
        "reporting_events",
        sa.Column(
            "account_id",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="The vendor's number of the account",
        ),
        sa.Column(
            "id", sa.BigInteger(), autoincrement=False, nullable=False, comment="The vendor's number of the event"
        ),
        sa.Column(
            "name", sa.Text(), nullable=True, comment="first_response, reply_time, conversation_resolved ..., as sent"
        ),
        sa.Column("value", sa.DOUBLE_PRECISION(), nullable=True, comment="Seconds that it took"),
        sa.Column(
            "value_in_business_hours",
            sa.DOUBLE_PRECISION(),
            nullable=True,
            comment="Seconds of these in the inbox's business hours",
        ),
        sa.Column(
            "event_start_time", sa.DateTime(timezone=True), nullable=True, comment="From when these seconds count (UTC)"
        ),
        sa.Column("event_end_time", sa.DateTime(timezone=True), nullable=True, comment="When it happened (UTC)"),
        sa.Column(
            "conversation_id",
            sa.BigInteger(),
            nullable=True,
            comment="The conversation; NULL: its number is not known yet",
        ),
        sa.Column(
            "server_conversation_id",
            sa.BigInteger(),
            nullable=True,
            comment="The server's inner number of the conversation",
        ),
        sa.Column("inbox_id", sa.BigInteger(), nullable=True, comment="The inbox, as it was then"),
        sa.Column("user_id", sa.BigInteger(), nullable=True, comment="On whom the vendor books it; NULL: nobody"),
        sa.Column(
            "created_at", sa.DateTime(timezone=True), nullable=True, comment="When the vendor wrote it down (UTC)"
        ),
        sa.Column(
            "updated_at", sa.DateTime(timezone=True), nullable=True, comment="The vendor's last change of it (UTC)"
        ),
        sa.Column(
            "extra",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="What the vendor sent and no column holds, by the vendor's names; NULL when nothing",
        ),
        sa.Column(
            "first_synced_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When a run first saved the row (UTC)",
        ),
        sa.Column(
            "changed_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("now()"),
            nullable=False,
            comment="When something else in the row last changed (UTC)",
        ),
        sa.ForeignKeyConstraint(
            ["account_id", "conversation_id"],
            ["helpdesk.conversations.account_id", "helpdesk.conversations.id"],
            name="reporting_events_account_id_conversation_id_fkey",
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["helpdesk.accounts.account_id"], name="reporting_events_account_id_fkey"
        ),
        sa.PrimaryKeyConstraint("account_id", "id", name="reporting_events_pkey"),
        schema=SCHEMA,
        comment="What the vendor itself wrote down of a conversation, for its reports (servers from 4.8, where offered).",
    )
    op.create_index(
        "reporting_events_account_id_conversation_id_idx",
        "reporting_events",
        ["account_id", "conversation_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "reporting_events_account_id_created_at_idx",
        "reporting_events",
        ["account_id", "created_at"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "reporting_events_account_id_server_conversation_id_idx",
        "reporting_events",
        ["account_id", "server_conversation_id"],
        unique=False,
        schema=SCHEMA,
    )
    op.create_index(
        "field_changes_contacts_idx",
        "field_changes",
        ["account_id"],
        unique=False,
        schema=SCHEMA,
        postgresql_where=sa.text("entity = 'conversation' AND field = 'contact_id'"),
    )
    op.add_column(
        "contacts",
        sa.Column(
            "listed",
            sa.Boolean(),
            nullable=True,
            comment="Whether the vendor's list of contacts shows it; NULL: not known, as it has not shown it yet",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "agents",
        sa.Column(
            "is_listed",
            sa.Boolean(),
            nullable=True,
            comment="Whether the account's list of agents has the agent, when last read;"
            " NULL: not read since first seen",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "contacts",
        sa.Column(
            "deleted_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When a run found the contact deleted or merged away (UTC)",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "contacts",
        sa.Column(
            "merged_into",
            sa.BigInteger(),
            nullable=True,
            comment="The contact to which all its conversations moved; NULL: it is there, was deleted, or had none",
        ),
        schema=SCHEMA,
    )
    for name in ("contacts", "conversations"):
        op.add_column(
            name,
            sa.Column(
                "digests",
                postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
                nullable=True,
                comment="Keyed digests of what is not kept, by field, so that a change of it is seen (ETL_PII=drop); else NULL",
            ),
            schema=SCHEMA,
        )
    op.add_column(
        "accounts",
        sa.Column(
            "dropped_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When `etl redact` last dropped what it could not rewrite (UTC): rows that no run changed since lack it",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "sync_runs",
        sa.Column(
            "contact_ledger",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="Of the list of contacts: counted (by the vendor), loaded, gone, not_shown; NULL: it was not read",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "sync_runs",
        sa.Column(
            "books",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="Against the vendor's own counts: metric -> vendor, ours, explained, days that differ, if any;"
            " NULL: they were not asked for",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "conversations",
        sa.Column(
            "events_read_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="When the vendor's own events of it were last read (UTC); NULL: never, or they are not offered",
        ),
        schema=SCHEMA,
    )
    op.add_column(
        "accounts",
        sa.Column(
            "events_listed_until",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Up to when the account's list of the vendor's own events was read (UTC); NULL: never",
        ),
        schema=SCHEMA,
    )


def downgrade() -> None:
    """Take back."""
    # With its triggers: they note what changed in a table that goes.
    for name in ("contacts", "conversations"):
        op.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.note_changes_of_{name}() CASCADE")
    for name in ("fields_that_differ", "noted_fields"):
        op.execute(f"DROP FUNCTION IF EXISTS {SCHEMA}.{name}")
    for name in NEW:
        op.drop_table(name, schema=SCHEMA)
    for table, columns in NEW_COLUMNS.items():
        for name in columns:
            op.drop_column(table, name, schema=SCHEMA)
