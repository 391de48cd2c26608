"""What `etl check` asks of a server that it need not have: lists, its own counts and events; taken where they are."""

from typing import TYPE_CHECKING

from etl.errors import VendorError

if TYPE_CHECKING:
    from etl.extract.client import Client

# Path -> what is there, in words.
OPTIONAL = {
    "inboxes": "inboxes",
    "agents": "agents",
    "teams": "teams",
    "labels": "labels",
    "contacts": "contacts",
    "csat_survey_responses": "survey responses",
    "custom_attribute_definitions": "custom attributes",
    "agent_bots": "bots",
    "campaigns": "campaigns",
    "sla_policies": "SLA policies",
    "reports": "the vendor's own counts",
    "reporting_events": "the vendor's own events",
}
# What is asked for a range of time is asked for a second of 1970, in which nothing was. Without their parameter older
# servers put inboxes into contacts, with their passwords.
OF_A_SECOND = [("since", "0"), ("until", "1")]
QUERIES = {
    "contacts": [("include_contact_inboxes", "false")],
    "reports": [("type", "account"), *OF_A_SECOND],
    "reporting_events": OF_A_SECOND,
}


def missing_of(client: "Client") -> list[str]:
    """Return what this server does not have, or does not give to this token, in words."""
    paths = {"reports": f"/api/v2/accounts/{client.account_id}/reports/summary"}
    missing = []
    for name, said in OPTIONAL.items():
        try:
            client.get(paths.get(name, name), QUERIES.get(name, []))
        except VendorError:
            missing.append(said)
    return missing
