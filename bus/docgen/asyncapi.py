"""The AsyncAPI document as a file, as every gateway serves it: without hosts, which a subscriber's own document has."""

import json
from typing import Final

from bus.gateway.http.asyncapi import Hosts, document
from bus.gateway.http.asyncapi_deprecations import with_deprecations
from schemas.deprecations import load_deprecations
from schemas.topics import Contract

FILE: Final = "docs/asyncapi.json"


def document_file(contract: Contract) -> str:
    """Draw the file."""
    whole = with_deprecations(document(contract, Hosts()), load_deprecations(contract))
    return json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
