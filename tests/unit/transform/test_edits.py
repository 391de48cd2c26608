"""Payloads of the list tell whether an edit of a message moves its conversation's clock."""

from typing import Any

import pytest

from etl.transform.edits import LEFT, MOVED, told_by

CREATED = 1_772_323_200  # 2026-03-01
EDITED = {"created_at": CREATED, "updated_at": "2026-03-01T00:10:00.250Z"}
AT = CREATED + 600.25


def conversation(updated_at: Any, *messages: Any, last: Any = None) -> dict[str, Any]:
    shown = {"messages": list(messages), "last_non_activity_message": last}
    return {"id": 1, "created_at": CREATED - 60, "updated_at": updated_at} | shown


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        pytest.param(conversation(AT, EDITED), {MOVED: 1}, id="changed together"),
        pytest.param(conversation(AT + 0.4, EDITED), {MOVED: 1}, id="a moment later"),
        pytest.param(conversation(AT - 500, EDITED), {LEFT: 1}, id="the conversation did not move"),
        pytest.param(conversation(AT, EDITED | {"created_at": CREATED - 1}), {}, id="written too long ago"),
        pytest.param(conversation(AT - 500, EDITED | {"created_at": CREATED - 1}), {LEFT: 1}, id="long ago, not moved"),
        pytest.param(conversation(AT + 500, EDITED), {}, id="something else moved it since"),
        pytest.param(conversation(AT - 500, EDITED, last=EDITED), {LEFT: 1}, id="shown twice"),
        pytest.param(conversation(AT, EDITED | {"created_at": CREATED - 61}), {}, id="imported into it"),
        pytest.param(conversation(AT, EDITED) | {"created_at": None}, {}, id="imported, perhaps"),
        pytest.param(
            conversation(AT, EDITED | {"created_at": CREATED - 86_400}) | {"created_at": 0}, {}, id="imported with it"
        ),
        pytest.param(conversation(None, EDITED), {}, id="a server without that clock"),
        pytest.param(conversation(True, EDITED), {}, id="a clock that is none"),
        pytest.param(
            conversation(CREATED, {"created_at": CREATED, "updated_at": "2026-03-01T00:00:01Z"}), {}, id="never edited"
        ),
        pytest.param(conversation(CREATED, {"created_at": CREATED, "updated_at": "soon"}), {}, id="no time"),
        pytest.param(
            conversation(CREATED, {"created_at": CREATED, "updated_at": "2026-03-01T00:10:00"}), {}, id="no zone"
        ),
        pytest.param(conversation(CREATED, {"created_at": None, "updated_at": EDITED["updated_at"]}), {}, id="when?"),
        pytest.param(conversation(CREATED, None, "text"), {}, id="messages that are none"),
        pytest.param({"updated_at": AT, "messages": {"a": 1}}, {}, id="no list"),
        pytest.param("text", {}, id="no object"),
        pytest.param(conversation(AT, EDITED | {"created_at": 10**400}), {}, id="written at no time"),
        pytest.param(conversation(AT, EDITED | {"created_at": -(10**400)}), {}, id="written before all time"),
        pytest.param(conversation(10**400, EDITED), {}, id="moved at no time"),
        pytest.param(conversation(-(10**400), EDITED), {LEFT: 1}, id="moved before all time"),
        pytest.param(conversation(AT, EDITED) | {"created_at": 10**400}, {}, id="begun at no time"),
    ],
)
def test_what_a_payload_tells_of_edits(payload: Any, told: dict[str, int]) -> None:
    assert told_by(payload, CREATED) == told
