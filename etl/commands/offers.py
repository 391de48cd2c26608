"""What `etl check` asks of a server that it need not have: lists, its own counts and events; taken where they are."""

from typing import TYPE_CHECKING

from etl.errors import VendorError

if TYPE_CHECKING:
    from etl.extract.client import Client

OPTIONAL = (
    *("inboxes", "agents", "teams", "labels", "contacts", "csat_survey_responses", "custom_attribute_definitions"),
    *("agent_bots", "campaigns", "sla_policies", "reports", "reporting_events"),
)
# What is asked for a range of time is asked for a second of 1970, in which nothing was. Without their parameter older
# servers put inboxes into contacts, with their passwords.
OF_A_SECOND = [("since", "0"), ("until", "1")]
QUERIES = {
    "contacts": [("include_contact_inboxes", "false")],
    "reports": [("type", "account"), *OF_A_SECOND],
    "reporting_events": OF_A_SECOND,
}


def missing_of(client: "Client") -> list[str]:
    """Return what this server does not have, or does not give to this token."""
    paths = {"reports": f"/api/v2/accounts/{client.account_id}/reports/summary"}
    missing = []
    for name in OPTIONAL:
        try:
            client.get(paths.get(name, name), QUERIES.get(name, []))
        except VendorError:
            missing.append(name)
    return missing
