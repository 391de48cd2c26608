"""Reads every conversation of a 99digital (Chatwoot) account into PostgreSQL.

The way of the data: `walk` gets the list's pages, `history` the messages of the conversations that changed,
`transform` turns payloads into rows, `load` upserts the rows of a page in one transaction, `ledger` accounts for
every conversation id, `journal` writes down the run. `sync.run` is that paragraph in code; `cli` calls it.
"""
