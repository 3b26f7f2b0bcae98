"""The registry's level from the first version on: a subscriber reads on with the schema that it compiled."""

import copy
import json
from typing import Any
from uuid import uuid4

import pytest
from fastavro import parse_schema
from fastavro.schema import to_parsing_canonical_form

from bus.domain.events import TicketOpened
from bus.local.stack import Urls
from bus.schema_registry import COMPATIBILITY, Registry, SchemaRefused, register
from schemas.catalogue import BY_CLASS


def changed(schema: dict[str, Any], change: str) -> dict[str, Any]:
    schema = copy.deepcopy(schema)
    if change == "int to long":
        schema["fields"][0]["type"] = "long"
    elif change == "a field without default is gone":
        schema["fields"] = schema["fields"][1:]
    elif change == "a new field without default":
        schema["fields"].append({"name": "mood", "type": "string"})
    else:
        schema["fields"].append({"name": "mood", "type": "string", "default": ""})
    return schema


async def test_compatibility_is_full_from_the_first_version_on(parts: Urls) -> None:
    name = f"N{uuid4().hex[:8]}"
    first = {"type": "record", "name": name, "namespace": "t", "fields": [{"name": "n", "type": "int"}]}
    subject = f"t.{name}"
    registry = Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth)
    async with registry.client() as http:
        own = await register(http, subject, first)
        assert (await http.get(f"/config/{subject}")).json() == {"compatibilityLevel": COMPATIBILITY}
        assert (await register(http, subject, first)).schema_id == own.schema_id
        for change in ("int to long", "a field without default is gone", "a new field without default"):
            with pytest.raises(SchemaRefused, match="not FULL_TRANSITIVE compatible"):
                await register(http, subject, changed(first, change))
        await register(http, subject, changed(first, "a new field with one"))


def unmarked(schema: Any) -> Any:
    """Give a schema as it was before fields were marked personal."""
    if isinstance(schema, list):
        return [unmarked(one) for one in schema]
    if isinstance(schema, dict):
        return {name: unmarked(one) for name, one in schema.items() if name != "personal"}
    return schema


async def test_compatibility_marks_of_personal_fields_are_taken_and_change_no_bytes(parts: Urls) -> None:
    marked = {**BY_CLASS[TicketOpened].schema, "namespace": f"t{uuid4().hex[:8]}"}
    before, subject = unmarked(marked), f"{marked['namespace']}.TicketOpened"
    assert before != marked
    async with Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth).client() as http:
        await register(http, subject, before)
        now = await register(http, subject, marked)
        text = (await http.get(f"/schemas/ids/{now.schema_id}")).json()["schema"]
        latest = (await http.get(f"/subjects/{subject}/versions/latest")).json()
        assert (latest["id"], json.loads(text)) == (now.schema_id, marked)
        await register(http, subject, changed(marked, "a new field with one"))
    assert to_parsing_canonical_form(parse_schema(before)) == to_parsing_canonical_form(parse_schema(marked))
