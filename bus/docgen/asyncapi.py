"""The AsyncAPI document as a file, as every gateway serves it: without hosts, which a subscriber's own document has."""

import json
from typing import Final

from bus.gateway.http.asyncapi import Hosts, document
from schemas.topics import Contract

FILE: Final = "docs/asyncapi.json"


def document_file(contract: Contract) -> str:
    """Draw the file."""
    return json.dumps(document(contract, Hosts()), indent=1, ensure_ascii=False) + "\n"
