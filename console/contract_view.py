"""The AsyncAPI document as pages show it: topics, the events on them, their fields, an example of each. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from bus.domain.event_words import event_words
from bus.domain.text import Text
from console.avro_sample import sample
from schemas.field_paths import walk
from schemas.since import OLDEST
from schemas.topics import Contract

_DAY_MS: Final = 86_400_000
_KINDS: Final = {
    "string": Text("文本", "string"), "int": Text("整数", "integer"), "long": Text("整数", "integer"),
    "boolean": Text("是否", "boolean"), "double": Text("小数", "number"), "float": Text("小数", "number"),
    "bytes": Text("字节", "bytes"), "uuid": Text("UUID", "UUID"), "timestamp-micros": Text("时间", "time"),
}  # fmt: skip


def contract_view(document: Mapping[str, Any], contract: Contract, since: Mapping[str, str]) -> dict[str, Any]:
    """Give what the page shows of a document: the whole bus's, or a subscriber's own.

    Who writes a topic is asked of the contract, since when a field is there of `since`: AsyncAPI has words for neither.
    """
    channels = {name: one for name, one in document["channels"].items() if "kafka" in one["bindings"]}
    shown = {name for one in channels.values() for name in one["messages"]}
    records = {name: one for name, one in document["components"]["messages"].items() if name in shown}
    events = [name for name, one in records.items() if event_words(one["name"])]
    begin = _common([records[name]["payload"]["schema"] for name in events])
    return {
        "document": document,
        "topics": [_topic(name, one, document["operations"], contract) for name, one in channels.items()],
        "servers": document["servers"],
        "streams": [_stream(one) for one in document["channels"].values() if "ws" in one["bindings"]],
        "begin": [_row(one["name"], one, "") for one in begin],
        "headers": document["components"]["schemas"]["recordHeaders"],
        "records": [
            _record(name, one, begin if name in events else [], since, _carrying(name, channels))
            for name, one in records.items()
        ],
    }  # fmt: skip


def _carrying(record: str, channels: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [name for name, one in channels.items() if record in one["messages"]]


def _topic(
    name: str, channel: Mapping[str, Any], operations: Mapping[str, Mapping[str, Any]], contract: Contract
) -> dict[str, Any]:
    kafka = channel["bindings"]["kafka"]
    kept_ms = kafka["topicConfiguration"]["retention.ms"]
    declared = contract.topics.get(name)
    return {
        "name": name,
        "address": channel["address"],
        "about": channel["description"],
        "partitions": kafka["partitions"],
        "days": kept_ms // _DAY_MS if kept_ms > 0 else None,
        "writers": declared.writers if declared else (),
        "deprecated": channel.get("x-deprecated", ()),
        "records": [*channel["messages"]],
        "read_by": [
            {
                "summary": one.get("summary", ""),
                "filter": one.get("x-filter", {}),
                "groups": one["bindings"]["kafka"]["groupId"]["pattern"],
                "records": [each["$ref"].rpartition("/")[2] for each in one.get("messages", ())],
            }
            for one in operations.values()
            if one["channel"]["$ref"] == f"#/channels/{name}" and "bindings" in one
        ],
    }


def _stream(channel: Mapping[str, Any]) -> dict[str, Any]:
    query = channel["bindings"]["ws"]["query"]["properties"]
    return {
        "address": channel["address"],
        "about": channel["description"],
        "query": {name: one.get("description") or ", ".join(one.get("enum", ())) for name, one in query.items()},
    }


def _record(
    name: str,
    message: Mapping[str, Any],
    begin: Sequence[Mapping[str, Any]],
    since: Mapping[str, str],
    topics: Sequence[str],
) -> dict[str, Any]:
    schema = message["payload"]["schema"]
    made = sample(schema)
    words = event_words(message["name"])
    if words:
        made["event_type"] = message["name"]
    return {
        "name": name,
        "title": Text(words.zh if words else name, name),
        "ce_type": message["name"],
        "about": message.get("summary", ""),
        "subject": f"{schema['namespace']}.{schema['name']}",
        "since": since.get(name, OLDEST),
        "oldest": name not in since,
        "deprecated": message.get("x-deprecated", ()),
        "topics": topics,
        "fields": [
            _row(path, field, since.get(f"{name}.{path}", ""))
            for path, field in walk(one for one in schema["fields"] if one not in begin)
        ],
        "sample": orjson.dumps(made, option=orjson.OPT_INDENT_2).decode(),
    }


def _common(schemas: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Give the fields that all records begin with."""
    first, *others = [one["fields"] for one in schemas] or [[]]
    same = zip(first, *others, strict=False)
    count = next((at for at, fields in enumerate(same) if any(one != fields[0] for one in fields)), len(first))
    return first[:count] if others else []


def _row(path: str, field: Mapping[str, Any], since: str) -> dict[str, Any]:
    kind = _spelled(field["type"])
    optional = isinstance(field["type"], list) and "null" in field["type"]
    return {
        "name": path,
        "type": Text(f"{kind.zh},可为空" if optional else kind.zh, f"{kind.en} or null" if optional else kind.en),
        "doc": field.get("doc", ""),
        "personal": bool(field.get("personal")),
        "since": since,
    }


def _spelled(schema: Any) -> Text:
    """Give a type in words, a record by its name; whether it may be null is the field's to say."""
    if isinstance(schema, list):
        return _spelled(next(one for one in schema if one != "null"))
    if isinstance(schema, str):
        return _KINDS.get(schema, Text(f"记录 {schema}", schema))
    match schema["type"]:
        case "record":
            return _spelled(schema["name"])
        case "array":
            kind = _spelled(schema["items"])
            return Text(f"列表:{kind.zh}", f"list of {kind.en}")
        case "map":
            kind = _spelled(schema["values"])
            return Text(f"映射:{kind.zh}", f"map of string to {kind.en}")
        case other:
            return _spelled(schema.get("logicalType", other))
