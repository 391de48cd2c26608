"""A made-up account and a local server that behaves like the vendor's.

The room for trying the job without a token, and for testing it against the server's real habits: pages that repeat and
skip rows, message readings with caps, 401s, 404s and 429s. The job itself knows nothing of this room, and this room
nothing of the job. Its files, in the order in which they are built on each other:

    server.py      serves an App, a function from Request to Answer, over HTTP on the loopback interface
    account.py     what is true of an account: contacts, agents, conversations, messages
    events.py      what happens to it, and which clocks each event moves
    dimensions.py  contacts, inboxes, agents, teams, labels and surveys as the vendor sends them
    messages.py    messages as the vendor sends them
    payloads.py    conversations and histories as the vendor sends them
    finders.py     which conversations and messages a request asks for, in which order
    routes.py      what each address of an account answers
    vendor.py      the App: tokens, limits, refusals
    generate.py    a believable account out of a seed, from shop.py (the shop), visitors.py (its customers), plot.py and
                   story.py (a conversation), words.py (what people say), attach.py (what they send along)
"""
