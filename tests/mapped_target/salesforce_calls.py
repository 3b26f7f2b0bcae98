"""A Salesforce organization on this machine, and targets that call it by the map that comes with the bus."""

from collections.abc import Mapping
from typing import Any, Final

from adapters.simulators.salesforce import SalesforceSimulator
from adapters.simulators.salesforce_org import SalesforceOrg

VARIABLE: Final = "SALESFORCE_PRIVATE_KEY"
SECRETS: Final[Mapping[str, str]] = {VARIABLE: SalesforceOrg().private_key}


def options(url: str, **more: Any) -> dict[str, Any]:
    """Give the shipped map for an organization there."""
    simulator = SalesforceSimulator()
    return {**_at(simulator.target_options(VARIABLE), simulator.url, url), **more}


def _at(options: dict[str, Any], before: str, url: str) -> dict[str, Any]:
    proof = options["proof"]
    return {
        **options,
        "url": options["url"].replace(before, url),
        "proof": {**proof, "token_url": proof["token_url"].replace(before, url)},
    }


def by_client_secret(url: str) -> dict[str, Any]:
    """Give the same with client credentials; the secret is in the variable."""
    given = options(url)
    proof = {
        "kind": "oauth-client-credentials",
        "token_url": given["proof"]["token_url"],
        "client_id": given["proof"]["client_id"],
        "client_secret": VARIABLE,
        "client_auth": "form",
    }
    return {**given, "proof": proof}


def each_event_a_record(url: str) -> dict[str, Any]:
    """Give a map that makes a record of each event, found by the event's own key."""
    request = {
        "method": "PATCH",
        "path": "/sobjects/Ticket_Event__c/Key__c/{key}",
        "repeats": "harmless",
        "reference": "answer.id",
        "json": {"Ticket__c": "ticket_id", "Version__c": "version"},
    }
    return options(url, requests=[request])
