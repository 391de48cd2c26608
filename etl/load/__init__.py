"""Load: rows into tables, and what the tables tell of earlier runs."""
