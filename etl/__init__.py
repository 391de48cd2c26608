"""Reads every conversation of a 99digital (Chatwoot) account into PostgreSQL.

The way of the data, each step a room of its own:

    extract.client     asks the vendor for one thing; the token, the pace and the retries are its own
    extract.walk       asks for the pages of conversations ahead of need, and gives them in order
    run.pipeline       has each page taken in, with several batches under way until their histories are there
    run.intake         finds what changed (plan), makes a batch of it (transform.rows), and asks for its histories
    run.writer         protects personal data in a batch, and has it saved while the next one is read
    run.saving         writes a batch down in one transaction, its rows by load.upsert

`run.sync` ties them together; `commands.sync` and `workers.worker` call it.
"""
