"""A contact that was marked as gone and is there all the same, as when a token lost its scope for a while."""

from typing import Any

import pytest
from sqlalchemy import Engine

from etl.demo.account import Contact
from etl.demo.events import add_conversation, add_message, delete_conversation
from etl.demo.server import Answer, Request, json_answer
from etl.selection import Selection
from tests.scripted_account import LONG_AGO, account_of, now, walking_job

NOBODY = json_answer({"error": "Resource could not be found"}, 404)
GONE = "SELECT id FROM contacts WHERE deleted_at IS NOT NULL ORDER BY id"


@pytest.mark.long
@pytest.mark.parametrize(
    ("selection", "settings"),
    [(Selection(), {}), (Selection(), {"contacts": "seen"}), (Selection(recent=True), {})],
    ids=["full", "seen", "recent"],
)
def test_who_is_in_no_list_and_was_taken_for_gone_is_there_again_with_a_conversation(
    engine: Engine, selection: Selection, settings: dict[str, Any]
) -> None:
    account, hidden = account_of(4), [True]
    account.contacts[3] = Contact(3, "Visitor", LONG_AGO)

    def change(request: Request, answer: Answer) -> Answer:
        return NOBODY if hidden[0] and request.path.endswith("/contacts/3") else answer

    begun = add_conversation(account, 3, 1, LONG_AGO + 50_000)
    add_message(account, begun.id, "hello", LONG_AGO + 50_000)
    with walking_job(account, engine, change) as etl:
        etl.run()
        delete_conversation(account, begun.id)
        etl.run()
        assert etl.rows(GONE) == [(3,)]
        hidden[0] = False
        again = add_conversation(account, 3, 1, LONG_AGO + 90_000)
        add_message(account, again.id, "me again", LONG_AGO + 90_000)
        again.last_activity_at = now()
        assert etl.run(selection, **settings).outcome == "complete"
        assert etl.rows(GONE) == []
