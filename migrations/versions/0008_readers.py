"""readers

Who may read the views of schema `bi`, so that a restored database can give it to them again. Until now a right to all
views to come (ALTER DEFAULT PRIVILEGES) stood for that: it belongs to whoever gave it, is lost with the schema, and
brings back what somebody took away by hand.
"""

import sqlalchemy as sa
from alembic import op

revision: str = "0008_readers"
down_revision: str | None = "0007_contract"

SCHEMA = "helpdesk"

# Those to whom `etl grant` gave it, and from whom nobody took the schema since. Anybody may say so of views that they make
# themselves, in a schema in which they may make none: only the word of its owner counts, or of who is the owner, too.
GIVEN = """
    SELECT DISTINCT reader.rolname AS reader, giver.rolname AS giver, given.defaclnamespace AS schema_oid
    FROM pg_catalog.pg_default_acl AS given
    JOIN pg_catalog.pg_namespace AS schema ON schema.oid = given.defaclnamespace AND schema.nspname = 'bi'
    CROSS JOIN LATERAL pg_catalog.aclexplode(given.defaclacl) AS acl
    JOIN pg_catalog.pg_roles AS reader ON reader.oid = acl.grantee
    JOIN pg_catalog.pg_roles AS giver ON giver.oid = given.defaclrole
    WHERE given.defaclobjtype = 'r' AND acl.privilege_type = 'SELECT' AND reader.oid <> giver.oid
      AND pg_catalog.pg_has_role(giver.oid, schema.nspowner, 'USAGE')
"""
TAKE_OVER = f"""
    INSERT INTO {SCHEMA}.view_readers (role_name, schema_oid)
    SELECT DISTINCT reader, schema_oid::bigint FROM ({GIVEN}) AS given
    WHERE pg_catalog.has_schema_privilege(reader, schema_oid, 'USAGE')
"""  # noqa: S608 -- only constants are formatted in
TAKE_BACK = f"""
    DO $$ DECLARE one record; BEGIN
        FOR one IN {GIVEN} AND pg_catalog.pg_has_role(giver.oid, 'USAGE') LOOP
            EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA bi REVOKE SELECT ON TABLES FROM %I',
                           one.giver, one.reader);
        END LOOP;
    END $$
"""  # noqa: S608 -- only constants are formatted in
GIVE_ALL_TO_COME = f"""
    DO $$ DECLARE one record; BEGIN
        FOR one IN SELECT rolname FROM {SCHEMA}.view_readers
            JOIN pg_catalog.pg_roles ON rolname = role_name
            WHERE EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'bi')
        LOOP
            EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA bi GRANT SELECT ON TABLES TO %I', one.rolname);
        END LOOP;
    END $$
"""  # noqa: S608 -- only constants are formatted in


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "view_readers",
        sa.Column("role_name", sa.Text, nullable=False, comment="Name of the role; its members are meant, too"),
        sa.Column(
            "schema_oid",
            sa.BigInteger,
            autoincrement=False,
            nullable=True,
            comment="Number of the schema `bi` in which it has the right; another one: that was made anew, as by a"
            " restore; NULL: the role was not there",
        ),
        sa.Column(
            "granted_at",
            sa.DateTime(timezone=True),
            server_default=sa.func.now(),
            nullable=False,
            comment="When it was given the right (UTC)",
        ),
        sa.PrimaryKeyConstraint("role_name", name="view_readers_pkey"),
        schema=SCHEMA,
        comment="A role of the database that reads the views of schema `bi` (etl grant).",
    )
    op.execute(TAKE_OVER)
    op.execute(TAKE_BACK)


def downgrade() -> None:
    """Take back."""
    op.execute(GIVE_ALL_TO_COME)
    op.drop_table("view_readers", schema=SCHEMA)
