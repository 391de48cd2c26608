"""owners"""

import sqlalchemy as sa
from alembic import op

revision: str = "0003_owners"
down_revision: str | None = "0002_queue"

SCHEMA = "helpdesk"

# Table -> columns that it gets, with their types and comments.
NEW = {
    "conversations": (
        (
            "assignee_type",
            sa.Text(),
            "What owns it: user, agent_bot, captain_assistant ...; NULL: nobody",
        ),
        ("assignee_bot_type", sa.Text(), "Type of the bot that owns it; NULL: none does"),
        ("assignee_bot_id", sa.BigInteger(), "The bot that owns it; NULL: none does"),
    ),
    "conversation_states": (
        (
            "assignee_type",
            sa.Text(),
            "What owned it: user, agent_bot ...; NULL: nobody, or not known",
        ),
        ("assignee_bot_type", sa.Text(), "Type of the bot"),
        ("assignee_bot_id", sa.BigInteger(), "Bot"),
    ),
    "csat_responses": (
        ("assigned_bot_type", sa.Text(), "Type of the bot that it was assigned to; NULL: to none"),
        ("assigned_bot_id", sa.BigInteger(), "The bot that it was assigned to; NULL: to none"),
    ),
    "bots": (
        ("description", sa.Text(), "Description"),
        ("bot_type", sa.Text(), "How an agent_bot is reached, such as webhook"),
    ),
}
# (table, column, comment from now on, comment before); no column: that of the table.
COMMENTS = (
    (
        "conversations",
        "assignee_id",
        "The agent; NULL: there is none, the agent has left, or a bot owns it",
        "The agent; NULL when there is none, or when the agent has left",
    ),
    (
        "csat_responses",
        "assigned_agent_id",
        "The agent whom the conversation was assigned to",
        "Whom the conversation was assigned to",
    ),
    (
        "messages",
        "conversation_assignee_id",
        "`conversation.assignee_id` as sent, where it is a user's",
        "`conversation.assignee_id` as sent with the message",
    ),
    (
        "bots",
        None,
        "What sends messages and owns conversations and is neither contact nor user; each type has its own numbers.",
        "A sender of messages that is neither contact nor user; each type has its own numbers.",
    ),
)

# Servers from 4.8 on show a bot where a person was shown before, and said so in a field that no column held. So its number
# was taken for a person's: conversations and states were booked on the person of that number, who was renamed, or on one
# who does not exist. What is known of it: the type of the last owner of a conversation (in `extra`), and what only a bot's
# record has, in `agents.extra`. Where personal data are not kept, `extra` is empty: there an assignee without e-mail, role
# and whatever else a person is shown with is no person, of a type that is not known.
WHO_IS_WHO = """
    CREATE TEMP TABLE shown ON COMMIT DROP AS
    SELECT account_id, id AS conversation_id, assignee_id AS number,
        lower(regexp_replace(replace(extra #>> '{meta,assignee_type}', '::', ''), '(?<!^)([A-Z])', '_\\1', 'g')) AS type
    FROM helpdesk.conversations WHERE extra #>> '{meta,assignee_type}' IS NOT NULL;

    CREATE TEMP TABLE people ON COMMIT DROP AS
    SELECT account_id, id AS number FROM helpdesk.agents AS agent
    WHERE num_nonnulls(email, role, available_name, provider, confirmed, auto_offline) > 0
       OR EXISTS (SELECT FROM helpdesk.messages AS sent WHERE sent.account_id = agent.account_id AND sent.agent_id = agent.id)
    UNION
    SELECT account_id, number FROM shown WHERE type = 'user' AND number IS NOT NULL;

    CREATE TEMP TABLE robots ON COMMIT DROP AS
    SELECT account_id, number, CASE WHEN count(DISTINCT type) = 1 THEN min(type) END AS type
    FROM (
        SELECT account_id, number, type FROM shown WHERE type <> 'user' AND number IS NOT NULL
        UNION
        SELECT account_id, id, 'agent_bot' FROM helpdesk.agents WHERE extra ?| array['outgoing_url', 'bot_type']
        UNION
        SELECT agent.account_id, agent.id, NULL FROM helpdesk.agents AS agent
        JOIN helpdesk.accounts AS account ON account.account_id = agent.account_id
        WHERE account.personal_data <> 'keep' AND agent.availability_status IS NULL
          AND (agent.account_id, agent.id) NOT IN (SELECT account_id, number FROM people)
          AND EXISTS (
              SELECT FROM helpdesk.conversation_states AS state
              WHERE state.account_id = agent.account_id AND state.assignee_id = agent.id
          )
    ) AS found
    GROUP BY account_id, number;

    INSERT INTO helpdesk.bots (account_id, type, id, name, description, bot_type, thumbnail)
    SELECT robot.account_id, robot.type, robot.number, agent.name, agent.extra ->> 'description',
        agent.extra ->> 'bot_type', agent.thumbnail
    FROM (SELECT * FROM robots UNION SELECT account_id, number, type FROM shown WHERE type <> 'user') AS robot
    -- The name of somebody who is both may be either's: the next run says whose.
    LEFT JOIN helpdesk.agents AS agent
      ON agent.account_id = robot.account_id AND agent.id = robot.number
     AND (agent.account_id, agent.id) NOT IN (SELECT account_id, number FROM people)
    WHERE robot.type IS NOT NULL AND robot.number IS NOT NULL
    ON CONFLICT DO NOTHING;
"""
# Of a number that is both a person's and a bot's, the vendor's word counts where there is one, which is of the last owner:
# for the states that go on to it. Of earlier ones it is not known whose they were. A conversation of which the vendor never
# said a type was owned before the server knew bots.
STATES = """
    WITH judged AS (
        SELECT state.account_id, state.conversation_id, state.valid_from,
            CASE
                WHEN robot.number IS NULL THEN 'user'
                WHEN person.number IS NOT NULL AND shown.type IS NULL THEN 'user'
                WHEN coalesce(shown.number, state.assignee_id) = state.assignee_id AND shown.type IS NOT NULL
                    AND NOT EXISTS (
                        SELECT FROM helpdesk.conversation_states AS later
                        WHERE later.account_id = state.account_id AND later.conversation_id = state.conversation_id
                          AND later.valid_from > state.valid_from AND later.valid_from <= last.assigned_at
                          AND later.assignee_id IS DISTINCT FROM state.assignee_id
                    ) THEN shown.type
                WHEN person.number IS NULL THEN robot.type
            END AS type
        FROM helpdesk.conversation_states AS state
        LEFT JOIN robots AS robot ON robot.account_id = state.account_id AND robot.number = state.assignee_id
        LEFT JOIN people AS person ON person.account_id = state.account_id AND person.number = state.assignee_id
        LEFT JOIN shown
          ON shown.account_id = state.account_id AND shown.conversation_id = state.conversation_id
        LEFT JOIN LATERAL (
            SELECT max(one.valid_from) AS assigned_at FROM helpdesk.conversation_states AS one
            WHERE robot.number IS NOT NULL AND one.account_id = state.account_id
              AND one.conversation_id = state.conversation_id AND one.assignee_id IS NOT NULL
        ) AS last ON true
        WHERE state.assignee_id IS NOT NULL
    )
    UPDATE helpdesk.conversation_states AS state SET
        assignee_type = judged.type,
        assignee_bot_type = CASE WHEN judged.type <> 'user' THEN judged.type END,
        assignee_bot_id = CASE WHEN judged.type <> 'user' THEN state.assignee_id END,
        assignee_id = CASE WHEN judged.type = 'user' THEN state.assignee_id END
    FROM judged
    WHERE state.account_id = judged.account_id AND state.conversation_id = judged.conversation_id
      AND state.valid_from = judged.valid_from;
"""
OWNERS = """
    UPDATE helpdesk.conversations AS conversation SET
        assignee_type = judged.type,
        assignee_bot_type = CASE WHEN judged.type <> 'user' THEN judged.type END,
        assignee_bot_id = CASE WHEN judged.type <> 'user' THEN conversation.assignee_id END,
        assignee_id = CASE WHEN judged.type = 'user' THEN conversation.assignee_id END
    FROM (
        SELECT one.account_id, one.id,
            CASE
                WHEN shown.type IS NOT NULL THEN shown.type
                WHEN robot.number IS NOT NULL AND person.number IS NULL THEN robot.type
                ELSE 'user'
            END AS type
        FROM helpdesk.conversations AS one
        LEFT JOIN shown ON shown.account_id = one.account_id AND shown.conversation_id = one.id
        LEFT JOIN robots AS robot ON robot.account_id = one.account_id AND robot.number = one.assignee_id
        LEFT JOIN people AS person ON person.account_id = one.account_id AND person.number = one.assignee_id
        WHERE one.assignee_id IS NOT NULL
    ) AS judged
    WHERE conversation.account_id = judged.account_id AND conversation.id = judged.id;

    UPDATE helpdesk.conversations
    SET extra = nullif(CASE WHEN (extra -> 'meta') - 'assignee_type' = '{}' THEN extra - 'meta'
                            ELSE extra #- '{meta,assignee_type}' END, '{}')
    WHERE extra #> '{meta,assignee_type}' IS NOT NULL;
"""
AGENTS = """
    UPDATE helpdesk.csat_responses AS answer SET
        assigned_bot_type = robot.type,
        assigned_bot_id = CASE WHEN robot.type IS NOT NULL THEN robot.number END,
        assigned_agent_id = NULL
    FROM robots AS robot
    WHERE robot.account_id = answer.account_id AND robot.number = answer.assigned_agent_id
      AND (robot.account_id, robot.number) NOT IN (SELECT account_id, number FROM people);

    DELETE FROM helpdesk.agents AS agent USING robots AS robot
    WHERE robot.account_id = agent.account_id AND robot.number = agent.id
      AND (robot.account_id, robot.number) NOT IN (SELECT account_id, number FROM people);

    -- Of those who are left the next run says name and picture anew; until then it is not known whose they are.
    UPDATE helpdesk.agents AS agent SET
        name = agent.available_name,
        thumbnail = NULL,
        extra = nullif(agent.extra - array['outgoing_url', 'bot_type', 'bot_config', 'description', 'created_at'], '{}'),
        changed_at = now()
    FROM robots AS robot
    WHERE robot.account_id = agent.account_id AND robot.number = agent.id;

    UPDATE helpdesk.bots SET
        description = coalesce(description, extra ->> 'description'),
        bot_type = coalesce(bot_type, extra ->> 'bot_type'),
        extra = nullif(extra - array['description', 'bot_type'], '{}')
    WHERE extra ?| array['description', 'bot_type'];
"""
# Addresses and keys of bots, wherever they were kept with what nobody reads.
SECRETS = """
    CREATE FUNCTION pg_temp.without_secrets(value jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
    BEGIN
        IF jsonb_typeof(value) = 'object' THEN
            RETURN coalesce((
                SELECT jsonb_object_agg(key, pg_temp.without_secrets(item)) FROM jsonb_each(value) AS one(key, item)
                WHERE key NOT IN ('outgoing_url', 'bot_config', 'access_token', 'secret')
            ), '{}');
        ELSIF jsonb_typeof(value) = 'array' THEN
            RETURN coalesce((
                SELECT jsonb_agg(pg_temp.without_secrets(item) ORDER BY place)
                FROM jsonb_array_elements(value) WITH ORDINALITY AS one(item, place)
            ), '[]');
        END IF;
        RETURN value;
    END
    $$;
"""
HELD_IN = (
    *((table, "extra") for table in ("agents", "bots", "contacts", "conversations", "messages", "csat_responses")),
    ("rejected_records", "payload"),
)


def upgrade() -> None:
    """Apply."""
    for table, columns in NEW.items():
        for name, kind, comment in columns:
            op.add_column(table, sa.Column(name, kind, comment=comment), schema=SCHEMA)
    comment_on(2)
    for statements in (WHO_IS_WHO, STATES, OWNERS, AGENTS, SECRETS):
        execute(statements)
    for table, column in HELD_IN:
        execute(
            f"UPDATE helpdesk.{table} SET {column} = nullif(pg_temp.without_secrets({column}), '{{}}')"  # noqa: S608 -- constants
            f" WHERE {column}::text ~ '\"(outgoing_url|bot_config|access_token|secret)\":'"
        )
    execute("DROP FUNCTION pg_temp.without_secrets")
    for table, bot in (("conversations", "assignee_bot"), ("csat_responses", "assigned_bot")):
        keys = ["account_id", f"{bot}_type", f"{bot}_id"]
        op.create_foreign_key(
            f"{table}_{bot}_fkey",
            table,
            "bots",
            keys,
            ["account_id", "type", "id"],
            source_schema=SCHEMA,
            referent_schema=SCHEMA,
        )


def downgrade() -> None:
    """Take back: what bots own belongs to nobody then, as it did on servers that knew none."""
    for table, columns in NEW.items():
        for name, _, _ in columns:
            op.drop_column(table, name, schema=SCHEMA)
    comment_on(3)


def comment_on(place: int) -> None:
    """Give columns and tables the comment in this place of COMMENTS."""
    for entry in COMMENTS:
        table, column, comment = entry[0], entry[1], entry[place]
        if column:
            op.alter_column(table, column, comment=comment, schema=SCHEMA)
        else:
            op.create_table_comment(table, comment, schema=SCHEMA)


def execute(statements: str) -> None:
    """Execute statements as they stand: a colon or a percent sign in them is no parameter."""
    op.get_bind().exec_driver_sql(statements, execution_options={"no_parameters": True})
