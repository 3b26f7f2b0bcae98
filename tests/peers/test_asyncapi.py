"""The AsyncAPI documents against the published JSON schema of AsyncAPI 3.0.0, as npm has it."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from bus.consistency.subscriptions import Subscription
from bus.gateway.http.asyncapi import Hosts, document
from schemas.topics import load_contract

CONTRACT = load_contract()
FILE = Path(__file__).parent / "openapi" / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0-without-$id.json"
BI = Subscription(client="bi", owner="数据组", contact="bi@example.com", topics=("ticket.sla",), groups=("bi", "mes-*"))

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def schema() -> jsonschema.Draft7Validator:
    """Read the schema; without it the tests are skipped."""
    if not FILE.exists():
        pytest.skip("@asyncapi/specs is not installed: run `make peers`")
    return jsonschema.Draft7Validator(json.loads(FILE.read_text()))


@pytest.mark.parametrize(
    "whole",
    [
        document(CONTRACT, Hosts()),
        document(CONTRACT, Hosts(secure=False, namespace="north")),
        document(CONTRACT, Hosts(), client="bi", of=[BI]),
    ],
)
def test_asyncapi_documents_are_valid(schema: jsonschema.Draft7Validator, whole: dict[str, Any]) -> None:
    assert [one.message[:300] for one in schema.iter_errors(whole)] == []


def test_asyncapi_schema_finds_what_is_wrong(schema: jsonschema.Draft7Validator) -> None:
    whole = document(CONTRACT, Hosts())
    published, parted = deepcopy(whole), deepcopy(whole)
    published["operations"]["send.ticket.sla"]["action"] = "publish"
    parted["channels"]["ticket.sla"]["bindings"]["kafka"]["partitions"] = "six"
    assert not schema.is_valid(published)
    assert not schema.is_valid(parted)
