"""An example of a record in JSON, made of its Avro schema: the form that the stream and HTTP have. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

_ONE_OF: Final = re.compile(r"one of: (\w+)")
_UUID: Final = "01999999-0000-7000-8000-000000000001"
_TIME: Final = "2026-11-22T08:30:00+00:00"
# What a field of this name holds, where its type alone would not show it.
_BY_NAME: Final[Mapping[str, Any]] = {
    "ticket_id": "T20261122-000123", "trace_id": "0af7651916cd43dd8448eb211c80319c", "source": "crm", "actor": "王磊",
    "source_no": "CRM-1001", "ticket_source_no": "CRM-1001", "title": "洗衣机漏水", "description": "脱水时底部漏水",
    "region": "上海", "type": "hardware_fault", "serial": "SN-WM-7731", "value": "SN-WM-7731", "name": "李女士",
    "phone": "13800001111", "address": "浦东新区世纪大道 1 号", "person": "张伟", "contact": "13700000001",
    "backup_person": "陈静", "backup_contact": "13700000002", "idempotency_key": "crm-1001-open", "version": 2,
    "quantity": 1, "uri": "https://files.example/p/1.jpg", "reason": "客户改约",
}  # fmt: skip


def sample(schema: Any, name: str = "", doc: str = "", named: dict[str, Any] | None = None) -> Any:
    """Make an example of a schema; `name` and `doc` are those of the field that has it."""
    named = {} if named is None else named
    if isinstance(schema, list):
        return sample(next(one for one in schema if one != "null"), name, doc, named)
    if isinstance(schema, str):
        return sample(named[schema], name, doc, named) if schema in named else _plain(schema, name, doc)
    kind = schema["type"]
    if kind == "record":
        named[schema["name"]] = named[f"{schema.get('namespace', '')}.{schema['name']}"] = schema
        return {one["name"]: sample(one["type"], one["name"], one.get("doc", ""), named) for one in schema["fields"]}
    if kind == "array":
        return [sample(schema["items"], name.removesuffix("s"), doc, named)]
    if kind == "map":
        return {"example": sample(schema["values"], name, doc, named)}
    if logical := schema.get("logicalType"):
        return {"uuid": _UUID, "timestamp-micros": _TIME}.get(logical, _plain(kind, name, doc))
    return sample(kind, name, doc, named)


def _plain(kind: str, name: str, doc: str) -> Any:
    given = _BY_NAME.get(name)
    if kind in ("int", "long"):
        return given if isinstance(given, int) else 1
    if kind == "string":
        if word := _ONE_OF.search(doc):
            return word[1]
        return given if isinstance(given, str) else "…"
    return {"boolean": False, "float": 0.5, "double": 0.5, "bytes": "", "null": None}[kind]
