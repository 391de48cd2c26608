"""tables

A line a column, in the order of etl/database/models.py and bookkeeping.py; then what reads custom attributes.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001_tables"
down_revision: str | None = None

SCHEMA = "helpdesk"

# A value of `custom_attributes` as its definition's type; NULL where it does not fit: a view on it must never fail.
FUNCTIONS = r"""
CREATE FUNCTION helpdesk.attribute_number(value jsonb) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN jsonb_typeof(value) = 'number' THEN (value #>> '{}')::numeric
        WHEN btrim(value #>> '{}') ~ '^[+-]?([0-9]{1,100}(\.[0-9]{0,100})?|\.[0-9]{1,100})$'
            THEN btrim(value #>> '{}')::numeric
    END
$$;
CREATE FUNCTION helpdesk.attribute_date(value jsonb) RETURNS date LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE
        WHEN value #>> '{}' ~ '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])($|[T ])'
            AND left(value #>> '{}', 4) <> '0000'
        THEN CASE
            -- A day that its month does not have would lead into the next one.
            WHEN extract(month FROM make_date(left(value #>> '{}', 4)::int, substr(value #>> '{}', 6, 2)::int, 1)
                + substr(value #>> '{}', 9, 2)::int - 1) = substr(value #>> '{}', 6, 2)::int
            THEN make_date(left(value #>> '{}', 4)::int, substr(value #>> '{}', 6, 2)::int, 1)
                + substr(value #>> '{}', 9, 2)::int - 1
        END
    END
$$;
CREATE FUNCTION helpdesk.attribute_boolean(value jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE lower(value #>> '{}') WHEN 'true' THEN true WHEN 'false' THEN false END
$$;
COMMENT ON FUNCTION helpdesk.attribute_number(jsonb) IS 'A custom attribute as a number; NULL where it is none';
COMMENT ON FUNCTION helpdesk.attribute_date(jsonb) IS 'A custom attribute as a day; NULL where it is none';
COMMENT ON FUNCTION helpdesk.attribute_boolean(jsonb)
    IS 'A custom attribute as true or false; NULL where it is neither';
"""

# Without attributes yet: a run replaces the views when it has read the definitions (etl/views/attribute_columns.py).
VIEWS = """
CREATE SCHEMA IF NOT EXISTS bi;
CREATE VIEW bi.conversation_attribute_columns AS
    SELECT account_id, id AS conversation_id FROM helpdesk.conversations;
COMMENT ON VIEW bi.conversation_attribute_columns
    IS 'A row a conversation, a column for each attribute that is defined.';
COMMENT ON COLUMN bi.conversation_attribute_columns.account_id IS 'Account';
COMMENT ON COLUMN bi.conversation_attribute_columns.conversation_id IS 'Conversation';
CREATE VIEW bi.contact_attribute_columns AS SELECT account_id, id AS contact_id FROM helpdesk.contacts;
COMMENT ON VIEW bi.contact_attribute_columns
    IS 'A row a contact, a column for each attribute that is defined.';
COMMENT ON COLUMN bi.contact_attribute_columns.account_id IS 'Account';
COMMENT ON COLUMN bi.contact_attribute_columns.contact_id IS 'Contact';
"""

# The other views are dropped by env.py, which made them, but for the function that computes them: it keeps its grants.
# What others have put into schema bi stays, and the schema with it.
UNDONE = """
DROP VIEW IF EXISTS bi.conversation_attribute_columns, bi.contact_attribute_columns;
DROP FUNCTION helpdesk.attribute_number(jsonb), helpdesk.attribute_date(jsonb), helpdesk.attribute_boolean(jsonb);
DROP FUNCTION IF EXISTS helpdesk.refresh_figures();
DO $$ BEGIN DROP SCHEMA bi; EXCEPTION WHEN dependent_objects_still_exist THEN NULL; END $$;
"""


def upgrade() -> None:
    """Apply."""
    # The schema is there already: env.py makes it, as Alembic's own table lies in it.
    for make in TABLES:
        make()
    execute(FUNCTIONS)
    execute(VIEWS)


def downgrade() -> None:
    """Take back."""
    execute(UNDONE)
    for made in reversed(TABLES):
        op.drop_table(made.__name__, schema=SCHEMA)


def accounts() -> None:
    create(
        "accounts",
        "An account whose conversations are loaded into this database.",
        account(),
        text("name", "Name of the account, where the token's profile tells it"),
        text("base_url", "Address of the vendor's server; with the ids it makes links to the inbox", nullable=False),
        text(
            "time_zone",
            "IANA name of the time zone in which days begin and end (ETL_TIMEZONE)",
            nullable=False,
            server_default="UTC",
        ),
        text(
            "personal_data",
            "How personal data are stored: keep, hash or drop; `etl redact` changes it",
            nullable=False,
            server_default="keep",
        ),
        text(
            "personal_data_key",
            "Fingerprint of the key of the hashes, from which it cannot be told; NULL: nothing is hashed",
        ),
    )


def contacts() -> None:
    create(
        "contacts",
        "A person or company that wrote, or was written to.",
        account(),
        key("id", "The vendor's number of the contact"),
        text("name", "Name as shown in the inbox"),
        text("email", "E-mail address"),
        text("phone_number", "Phone number, E.164 as a rule"),
        text("identifier", "The customer's own key of the contact, set by API or widget"),
        text("thumbnail", "Address of the picture; an empty text when there is none"),
        flag("blocked", "Whether the contact is blocked"),
        text("availability_status", "online, offline or busy, when last read"),
        time("last_activity_at", "Last activity of the contact (UTC)"),
        time("created_at", "When the contact was created (UTC)"),
        json("additional_attributes", "Free-form: city, company, social profiles ..."),
        json("custom_attributes", "Free-form: the account's own attributes"),
        *entity(),
        refers_to("accounts"),
    )


def agents() -> None:
    create(
        "agents",
        "A user of the account, present or past: who answers.",
        account(),
        key("id", "The vendor's number of the user"),
        text("name", "Full name"),
        text("available_name", "Name shown to contacts"),
        text("email", "E-mail address"),
        text("role", "administrator, agent, or a custom role"),
        text("availability_status", "online, offline or busy, when last read"),
        flag("auto_offline", "Whether the agent goes offline when the inbox is closed"),
        flag("confirmed", "Whether the agent confirmed the invitation"),
        text("provider", "How the agent signs in"),
        text("thumbnail", "Address of the picture; an empty text when there is none"),
        text("avatar_url", "Address of the picture as messages carry it"),
        json("custom_attributes", "Free-form: the account's own attributes"),
        *entity(),
        refers_to("accounts"),
    )


def bots() -> None:
    create(
        "bots",
        "A sender of messages that is neither contact nor user; each type has its own numbers.",
        account(),
        text("type", "agent_bot, captain_assistant, or a newer type", primary_key=True),
        key("id", "The vendor's number of the bot within its type"),
        text("name", "Name as shown in the inbox"),
        text("thumbnail", "Address of the picture; an empty text when there is none"),
        text("avatar_url", "Address of the picture as messages carry it"),
        *entity(),
        refers_to("accounts"),
    )


def inboxes() -> None:
    create(
        "inboxes",
        "A channel's mailbox: where conversations arrive.",
        account(),
        key("id", "The vendor's number of the inbox"),
        text("name", "Name; NULL until the inboxes themselves are read"),
        text("channel_type", "Channel::WebWidget, Channel::Email, Channel::Whatsapp ..."),
        text("timezone", "Time zone of the working hours, an IANA name"),
        flag("working_hours_enabled", "Whether the inbox keeps working hours"),
        json(
            "working_hours",
            "As sent, an object a day: day_of_week (0 = Sunday), closed_all_day, open_all_day, open_hour,"
            " open_minutes, close_hour, close_minutes",
        ),
        flag("csat_survey_enabled", "Whether contacts are asked for a rating when a conversation is resolved"),
        flag("enable_auto_assignment", "Whether conversations are assigned to agents by themselves"),
        *entity(),
        refers_to("accounts"),
    )


def teams() -> None:
    create(
        "teams",
        "A team to which conversations are assigned.",
        account(),
        key("id", "The vendor's number of the team"),
        text("name", "Name; the vendor keeps it in lower case"),
        text("description", "Description"),
        flag("allow_auto_assign", "Whether conversations are assigned to members by themselves"),
        flag("is_member", "Whether the user of the API token is a member"),
        *entity(),
        refers_to("accounts"),
    )


def labels() -> None:
    create(
        "labels",
        "A label, known by its title.",
        account(),
        text("title", "The label's title", primary_key=True),
        number("id", "The vendor's number; NULL of a label that only conversations carry"),
        text("description", "Description"),
        text("color", "Colour in the inbox, such as #1f93ff"),
        flag("show_on_sidebar", "Whether the inbox shows it beside the conversations"),
        *entity(),
        refers_to("accounts"),
    )


def custom_attribute_definitions() -> None:
    create(
        "custom_attribute_definitions",
        "What an attribute that the account defined itself is called, and of which type its values are.",
        account(),
        key("id", "The vendor's number of the definition"),
        text("attribute_key", "The key in `custom_attributes`"),
        text("attribute_model", "conversation_attribute or contact_attribute: which `custom_attributes` have the key"),
        text("attribute_display_name", "Name as shown in the inbox"),
        text(
            "attribute_display_type",
            "text, number, currency, percent, link, date, list, checkbox, or a newer one as sent",
        ),
        text("attribute_description", "Description"),
        json("attribute_values", "The values to choose from, of a list"),
        *entity(),
        refers_to("accounts"),
    )


def conversations() -> None:
    create(
        "conversations",
        "A conversation between a contact and the account in one inbox.",
        account(),
        key("id", "The vendor's number of the conversation: the account's own running number"),
        text("uuid", "The vendor's second key (servers from 2.18)"),
        text("status", "open, resolved, pending, snoozed, or a newer one as sent"),
        text("priority", "low, medium, high, urgent; NULL when not set (servers from 2.17)"),
        number("inbox_id", "Where the conversation takes place"),
        number("contact_id", "With whom"),
        number("assignee_id", "The agent; NULL when there is none, or when the agent has left"),
        number("team_id", "The team; NULL when there is none"),
        text("channel", "Channel::WebWidget, Channel::Email, Channel::Whatsapp ..."),
        time("created_at", "When the conversation began (UTC)"),
        time("updated_at", "The vendor's last change of the record (UTC; servers from 4.0.2)"),
        time("last_activity_at", "The API's `timestamp`: last activity (UTC); may go backwards"),
        time("first_reply_created_at", "First reply of an agent, as the vendor counts (UTC)"),
        time("waiting_since", "Since when the contact waits for an answer (UTC; from 3.0)"),
        time("snoozed_until", "When a snoozed conversation opens again (UTC)"),
        time("agent_last_seen_at", "When an agent last looked (UTC)"),
        time("assignee_last_seen_at", "When the assignee last looked (UTC)"),
        time("contact_last_seen_at", "When the contact last looked (UTC)"),
        number("unread_count", "Messages that no agent has seen, when last read"),
        flag("can_reply", "Whether the channel's reply window is open, when last read"),
        flag("muted", "Whether the contact is muted or blocked"),
        flag("hmac_verified", "Whether the widget proved the contact's identity"),
        number("sla_policy_id", "Service level policy (servers from 3.7)"),
        number("last_non_activity_message_id", "Newest message that is no activity"),
        json("additional_attributes", "Free-form: browser, referer, mail subject ..."),
        json("custom_attributes", "Free-form: the account's own attributes"),
        json("attachments", "As sent; documented for the conversation without a shape"),
        text("mark", "What the conversation looked like when its history was last read completely"),
        time("history_read_at", "When the history was read for this mark (UTC); NULL: never completely"),
        text("payload_digest", "Digest of the API's record of the conversation, as it was last taken in"),
        time("deleted_at", "When a run found the conversation deleted upstream (UTC)"),
        time("forgotten_at", "Since when its contact is forgotten, and nothing of what was written is kept (UTC)"),
        *entity(),
        refers_to("accounts"),
        refers_to("contacts", "contact_id"),
        refers_to("inboxes", "inbox_id"),
        refers_to("agents", "assignee_id"),
        refers_to("teams", "team_id"),
    )
    index("conversations", "account_id", "created_at")
    index("conversations", "account_id", "last_activity_at")
    index("conversations", "account_id", "status")
    index("conversations", "account_id", "inbox_id", "created_at")
    index("conversations", "account_id", "contact_id")
    index("conversations", "account_id", "assignee_id")
    index("conversations", "account_id", "team_id")


def conversation_labels() -> None:
    create(
        "conversation_labels",
        "A label on a conversation.",
        account(),
        key("conversation_id", "The conversation"),
        text("label", "The label's title", primary_key=True),
        refers_to("conversations", "conversation_id"),
        refers_to("labels", "label", key="title"),
    )
    index("conversation_labels", "account_id", "label")


def conversation_states() -> None:
    create(
        "conversation_states",
        "What was true of a conversation from when to when, as seen by the runs.",
        account(),
        key("conversation_id", "The conversation"),
        time("valid_from", "When a run first saw this state (UTC)", primary_key=True),
        time("valid_to", "When a run first saw another (UTC); NULL: still true"),
        text("status", "Status"),
        number("assignee_id", "Agent"),
        number("team_id", "Team"),
        text("priority", "Priority"),
        sa.CheckConstraint("valid_to > valid_from", name=op.f("conversation_states_order_check")),
        refers_to("conversations", "conversation_id"),
    )
    index(
        "conversation_states",
        "account_id",
        "conversation_id",
        name="conversation_states_open_key",
        unique=True,
        postgresql_where="valid_to IS NULL",
    )
    index(
        "conversation_states",
        sa.text("tstzrange(valid_from, valid_to)"),
        name="conversation_states_unresolved_idx",
        postgresql_using="gist",
        postgresql_where="status <> 'resolved'",
    )


def messages() -> None:
    create(
        "messages",
        "One message of a conversation: from a contact, an agent, a bot, or about an event (activity).",
        account(),
        key("id", "The vendor's number of the message; higher is not always later"),
        number("conversation_id", "The conversation", nullable=False),
        number("inbox_id", "The conversation's inbox"),
        text("message_type", "incoming, outgoing, activity, template, or a newer one as sent"),
        text("content_type", "text, input_csat, incoming_email, cards ..., as sent"),
        text("content", "The text; of a deleted message the vendor's sentence saying so"),
        flag("private", "Whether it is a note that the contact does not see"),
        text("status", "sent, delivered, read, failed; changes after creation"),
        text("sender_type", "contact, user, agent_bot, captain_assistant; NULL: nobody"),
        number("sender_id", "Number of the sender within its type"),
        number(
            "contact_id",
            "The sender, if a contact (generated)",
            sa.Computed(
                "CASE WHEN (sender_type = 'contact'::text) THEN sender_id ELSE NULL::bigint END", persisted=True
            ),
        ),
        number(
            "agent_id",
            "The sender, if a user (generated)",
            sa.Computed("CASE WHEN (sender_type = 'user'::text) THEN sender_id ELSE NULL::bigint END", persisted=True),
        ),
        text("source_id", "The channel's own key of the message"),
        time("created_at", "When it was written (UTC); of an import the old time"),
        time("created_at_exact", "The same to the millisecond, where the server sends it"),
        time("updated_at", "The vendor's last change of the record (UTC), as the list says"),
        json("content_attributes", "Free-form: deleted, items, e-mail, CSAT answer ..."),
        json("additional_attributes", "Free-form: campaign, template parameters ..."),
        json("external_source_ids", "Free-form: keys in connected systems"),
        texts("label_list", "Labels of the message"),
        number("conversation_assignee_id", "`conversation.assignee_id` as sent with the message"),
        number("conversation_unread_count", "`conversation.unread_count` as sent with the message"),
        flag("deleted", "Whether the vendor says that it was deleted", nullable=False, server_default=sa.false()),
        time("removed_at", "When a complete reading no longer returned it (UTC)"),
        flag(
            "partial",
            "Whether it is known from the vendor's search only: few columns are filled",
            nullable=False,
            server_default=sa.false(),
        ),
        *entity(),
        refers_to("conversations", "conversation_id"),
        refers_to("contacts", "contact_id"),
        refers_to("agents", "agent_id"),
    )
    index("messages", "account_id", "conversation_id", "created_at")
    index("messages", "account_id", "created_at")
    index("messages", "account_id", "contact_id")
    index("messages", "account_id", "agent_id", "created_at")
    index(
        "messages",
        "account_id",
        "conversation_id",
        name="messages_surveys_idx",
        postgresql_where="content_type = 'input_csat'",
    )


def attachments() -> None:
    create(
        "attachments",
        "A file, place or contact card sent with a message.",
        account(),
        key("id", "The vendor's number of the attachment"),
        number("message_id", "The message", nullable=False),
        text("file_type", "image, audio, video, file, location, fallback, share, contact ..."),
        text("extension", "File name extension"),
        text("data_url", "Address of the file; opens without a token: personal data"),
        text("thumb_url", "Address of a small picture of it"),
        number("file_size", "Size in bytes"),
        number("width", "Width in pixels"),
        number("height", "Height in pixels"),
        real("coordinates_lat", "Latitude in degrees"),
        real("coordinates_long", "Longitude in degrees"),
        text("fallback_title", "Title of a place, a link or a card"),
        text("transcribed_text", "What was said, where the server transcribes audio"),
        json("meta", "Free-form: name on a contact card ..."),
        *entity(),
        refers_to("messages", "message_id"),
    )
    index("attachments", "account_id", "message_id")


def csat_responses() -> None:
    create(
        "csat_responses",
        "A contact's answer to a satisfaction survey.",
        account(),
        key("id", "The vendor's number of the survey response"),
        number("conversation_id", "The conversation rated"),
        number("contact_id", "Who rated"),
        number("assigned_agent_id", "Whom the conversation was assigned to"),
        number("message_id", "The message that asked"),
        number("rating", "1 (worst) to 5 (best)"),
        text("feedback_message", "What the contact wrote with it"),
        time("created_at", "When the answer was given (UTC)"),
        *entity(),
        refers_to("conversations", "conversation_id"),
        refers_to("contacts", "contact_id"),
        refers_to("agents", "assigned_agent_id"),
    )
    index("csat_responses", "account_id", "conversation_id")
    index("csat_responses", "account_id", "created_at")


def sync_runs() -> None:
    create(
        "sync_runs",
        "One execution of the job: what it did, and how complete it was.",
        account(),
        number("run_id", "Number of the run", sa.Identity(), primary_key=True),
        text("kind", "sync or backfill", nullable=False),
        json("selection", "What was asked for; NULL: everything"),
        text("outcome", "running, complete, incomplete, failed or interrupted", nullable=False),
        time("started_at", "Begin (UTC)", nullable=False),
        time("finished_at", "End (UTC); NULL while it runs"),
        text("host", "Machine on which it runs", nullable=False),
        number("process_id", "Process number on that machine", nullable=False),
        number("requests", "Requests sent, retries included"),
        number("retries", "Requests that repeated a failed one"),
        number("pages", "Pages of conversations read"),
        json("counts", "By table: rows seen, inserted, updated, unchanged"),
        number("rejected", "Records that could not be stored (see rejected_records)"),
        texts("unknown_fields", "Fields that no column holds, kept in `extra`"),
        number("highest_id", "Highest conversation id; NULL for a selection, which has no ledger"),
        number("loaded", "Conversations seen by the run"),
        number("deleted", "Conversations deleted upstream"),
        number("forbidden", "Conversations that the token may not see"),
        number("unreadable", "Conversations that the vendor's server cannot show"),
        number("unaccounted", "Ids about which nothing is known: the run is not complete"),
        json(
            "audit",
            "Against the vendor's search: conversations, messages, read, witnessed, unaccounted; NULL: no audit",
        ),
        texts("notes", "What is worth knowing of the run and no fault; NULL: nothing"),
        texts("problems", "Why the run is not complete, in sentences; NULL: nothing"),
        texts(
            "quotes",
            "What notes and problems quote of answers and searches; NULL: nothing, or personal data are not kept",
        ),
        refers_to("accounts"),
    )
    index("sync_runs", "account_id", "started_at")


def sync_parts() -> None:
    create(
        "sync_parts",
        "A part of a run that several workers share; there are rows only while it goes on.",
        account(),
        key("run_id", "The run that was cut"),
        key("number", "Which part, from 1"),
        text("walk", "The status that is walked", nullable=False),
        number("first_page", "The first of its pages", nullable=False),
        number("last_page", "The last of its pages; NULL: all up to the empty one that ends the walk"),
        json("result", "What was read and saved, in numbers and ids; NULL until it is done"),
        refers_to("sync_runs", "run_id", key="run_id"),
    )


def account_counts() -> None:
    create(
        "account_counts",
        "The vendor's own counts, one row a status a run.",
        account(),
        key("run_id", "The run that read them"),
        text("status", "The status that was walked", primary_key=True),
        number("mine_count", "Assigned to the token's user"),
        number("new_count", "New, where the server counts them"),
        number("assigned_count", "Assigned to somebody"),
        number("unassigned_count", "Assigned to nobody"),
        number("all_count", "All of this status"),
        refers_to("sync_runs", "run_id", key="run_id"),
    )


def rejected_records() -> None:
    create(
        "rejected_records",
        "A record that could not become a row: why, and what it was.",
        account(),
        text("entity", "conversation, message, contact, attachment ...", primary_key=True),
        text("digest", "SHA-256 of reason and JSON: the same fault is kept once", primary_key=True),
        text("entity_id", "The record's id as sent, where there is one"),
        number("conversation_id", "The conversation in which it came, where that can be read"),
        number("run_id", "The last run that met it", nullable=False),
        text("reason", "The field, and what was there", nullable=False),
        text("quote", "What the reason quotes of the record; NULL: nothing, or personal data are not kept"),
        json("payload", "The record as sent"),
        time("first_rejected_at", "When it was first met (UTC)", nullable=False, server_default=sa.func.now()),
        time("resolved_at", "When the record was later read well (UTC)"),
        refers_to("sync_runs", "run_id", key="run_id"),
    )


def conversation_ledger() -> None:
    create(
        "conversation_ledger",
        "A conversation id without a row in conversations, and why.",
        account(),
        key("conversation_id", "The id"),
        text("state", "deleted (a gap), forbidden or unreadable", nullable=False),
        text("reason", "What the vendor answered"),
        text("quote", "What the reason quotes of the answer; NULL: nothing, or personal data are not kept"),
        time("checked_at", "When it was last asked for (UTC)", nullable=False),
        refers_to("accounts"),
    )


def personal_data_readers() -> None:
    create(
        "personal_data_readers",
        "A role of the database that sees personal data in the views of schema `bi` (etl grant).",
        text("role_name", "Name of the role; its members are meant, too", primary_key=True),
    )


def suppressed_contacts() -> None:
    create(
        "suppressed_contacts",
        "A contact of whom nothing personal is kept, now and in later runs: `etl forget`.",
        account(),
        key("contact_id", "The contact; it need not be in the tables"),
        time("suppressed_at", "Since when (UTC)", nullable=False, server_default=sa.func.now()),
        refers_to("accounts"),
    )


def redactions() -> None:
    create(
        "redactions",
        "How far `etl redact` has rewritten a table; there are rows only while it is not done, and no run begins.",
        account(),
        text("table_name", "The table", primary_key=True),
        text("mode", "How its personal data are stored when it is done: hash or drop", nullable=False),
        text("key", "Fingerprint of the key of the hashes; NULL: nothing is hashed"),
        json("position", "Key of the last row that was rewritten; NULL: none was"),
        flag("done", "Whether the table is rewritten to its end", nullable=False, server_default=sa.false()),
        refers_to("accounts"),
    )


# Each after those that it refers to; each is named like its table.
TABLES = (
    accounts,
    contacts,
    agents,
    bots,
    inboxes,
    teams,
    labels,
    custom_attribute_definitions,
    conversations,
    conversation_labels,
    conversation_states,
    messages,
    attachments,
    csat_responses,
    sync_runs,
    sync_parts,
    account_counts,
    rejected_records,
    conversation_ledger,
    personal_data_readers,
    suppressed_contacts,
    redactions,
)


def create(name: str, comment: str, *parts: sa.schema.SchemaItem) -> None:
    """Create a table of columns and constraints; PostgreSQL gives these the names that they have in the models."""
    op.create_table(name, *parts, schema=SCHEMA, comment=comment)


def account() -> sa.Column[Any]:
    """Return the first key column of every table."""
    return key("account_id", "The vendor's number of the account")


def entity() -> tuple[sa.Column[Any], ...]:
    """Return the last columns of every table that is filled from payloads."""
    now = {"nullable": False, "server_default": sa.func.now()}
    return (
        json("extra", "What the vendor sent and no column holds, by the vendor's names; NULL when nothing"),
        time("first_synced_at", "When a run first saved the row (UTC)", **now),
        time("changed_at", "When something else in the row last changed (UTC)", **now),
    )


def key(name: str, comment: str) -> sa.Column[Any]:
    """Return a key column that holds a number of the vendor's, not one of a sequence."""
    return number(name, comment, primary_key=True, autoincrement=False)


def number(name: str, comment: str, *parts: Any, **options: Any) -> sa.Column[Any]:
    """Return a column of whole numbers, which may be NULL unless the options say otherwise."""
    return sa.Column(name, sa.BigInteger(), *parts, comment=comment, **options)


def real(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DOUBLE_PRECISION(), comment=comment, **options)


def text(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Text(), comment=comment, **options)


def texts(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, postgresql.ARRAY(sa.Text()), comment=comment, **options)


def flag(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.Boolean(), comment=comment, **options)


def time(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), comment=comment, **options)


def json(name: str, comment: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, postgresql.JSONB(), comment=comment, **options)


def refers_to(table: str, *columns: str, key: str = "id") -> sa.ForeignKeyConstraint:
    """Return a foreign key to a table's account_id and key, or to its account alone."""
    return sa.ForeignKeyConstraint(
        ["account_id", *columns], [f"{SCHEMA}.{table}.{name}" for name in ("account_id", key)[: 1 + len(columns)]]
    )


def index(table: str, *columns: str | sa.TextClause, name: str = "", **options: Any) -> None:
    """Create an index; without a name it gets that of its table and columns."""
    op.create_index(name or "_".join((table, *map(str, columns), "idx")), table, columns, schema=SCHEMA, **options)


def execute(statements: str) -> None:
    """Execute statements as they stand: a colon or a percent sign in them is no parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
