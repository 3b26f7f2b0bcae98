"""The registry's level from the first version on: a subscriber reads on with the schema that it compiled."""

import copy
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from bus.local.stack import Urls
from bus.schema_registry import COMPATIBILITY, SchemaRefused, register


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
    async with httpx2.AsyncClient(base_url=parts.schema_registry_url, timeout=10, trust_env=False) as http:
        own = await register(http, subject, first)
        assert (await http.get(f"/config/{subject}")).json() == {"compatibilityLevel": COMPATIBILITY}
        assert (await register(http, subject, first)).schema_id == own.schema_id
        for change in ("int to long", "a field without default is gone", "a new field without default"):
            with pytest.raises(SchemaRefused, match="not FULL_TRANSITIVE compatible"):
                await register(http, subject, changed(first, change))
        await register(http, subject, changed(first, "a new field with one"))
