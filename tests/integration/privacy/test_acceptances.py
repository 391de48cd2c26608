"""Why something was accepted is what somebody wrote: redacted, forgotten where it names a person, and removed."""

from sqlalchemy import Engine

from etl.load.acceptances import FaultKind
from etl.privacy import forget, redact, removal
from etl.privacy.rules import DROP
from etl.run import accepting
from etl.run.accepting import Signed
from tests.integration.run.test_accepted import LATER, Faults
from tests.scripted_account import account_of, job

REASONS = "SELECT what, reason FROM acceptances ORDER BY what"


def test_reasons_are_redacted_forgotten_and_removed(engine: Engine) -> None:
    with job(account_of(5), engine, change=Faults(2, 3), page_size=1) as etl:
        etl.run()
        for number, reason in ((2, "Dana's contact was deleted"), (3, "ticket 4711")):
            accepting.accept(engine, 1, [(FaultKind.CONVERSATION, str(number))], Signed(reason, "dana", LATER))
        assert forget.forget(engine, 1, [1])["acceptances"] == 1
        assert etl.rows(REASONS) == [("2", forget.REMOVED), ("3", "ticket 4711")]
        assert redact.redact(engine, 1, DROP, lambda *_: None).rewritten["acceptances"] == 2
        assert etl.rows(REASONS) == [("2", None), ("3", None)]
        assert removal.remove(engine, 1, [3])["acceptances"] == 1
        assert etl.rows(REASONS) == [("2", None)]
