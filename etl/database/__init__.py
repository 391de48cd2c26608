"""The database: tables, migrations, the embedded server, and the way into PostgreSQL."""
