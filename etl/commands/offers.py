"""What `etl check` asks of a server that it need not have: lists taken where they are, and missed where not."""

from typing import TYPE_CHECKING

from etl.errors import VendorError

if TYPE_CHECKING:
    from etl.extract.client import Client

OPTIONAL = (
    *("inboxes", "agents", "teams", "labels", "contacts", "csat_survey_responses", "custom_attribute_definitions"),
    *("agent_bots", "campaigns", "sla_policies"),
)


def missing_of(client: "Client") -> list[str]:
    """Return the lists that this server does not have, or does not give to this token."""
    missing = []
    for name in OPTIONAL:
        try:
            # Otherwise older servers put inboxes into contacts, with their passwords; for the others it means nothing.
            client.get(name, [("include_contact_inboxes", "false")])
        except VendorError:
            missing.append(name)
    return missing
