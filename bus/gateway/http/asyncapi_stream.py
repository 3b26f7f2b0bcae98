"""The stream in AsyncAPI: its servers, WebSocket and HTTP, what an address asks for, and the frames. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

STREAM: Final = "stream"
STREAM_QUERY: Final[Mapping[str, Mapping[str, Any]]] = {
    "topics": {"type": "string", "description": "several with commas between them"},
    "cursor": {
        "type": "string",
        "description": "of the last frame dealt with; `start`: what retention has left; without: now",
    },
    "since": {"type": "string", "format": "date-time", "description": "without a cursor: from that time on"},
    "synthetic": {"type": "string", "enum": ["true", "false"], "default": "false"},
    "version": {"type": "string", "description": "of the subscription by which is filtered; without: all add up"},
    "types": {"type": "string", "description": "events such as TicketAssigned alone; several with commas between them"},
    "regions": {"type": "string", "description": "of tickets of these regions alone, as `types`"},
    "assignee": {"type": "string", "description": "of tickets that are, or were until now, with these, as `types`"},
}
_STRING: Final = {"type": "string"}
_HTTP_BINDING: Final = "0.3.0"


def stream_servers(host: str, *, secure: bool) -> dict[str, Any]:
    """Name the gateway, as each of the two protocols has it."""
    security = [{"$ref": "#/components/securitySchemes/bearer"}]
    return {
        "gateway": {"host": host, "protocol": "wss" if secure else "ws", "security": security},
        "gatewayHttp": {
            "host": host,
            "protocol": "https" if secure else "http",
            "description": "the stream as server-sent events: ask with `Accept: text/event-stream`",
            "security": security,
        },
    }


def stream_channel(topics: Iterable[str]) -> dict[str, Any]:
    """Describe the stream of some topics."""
    return {
        "address": "/v1/stream",
        "title": "事件流",
        "description": "events as JSON with personal texts in clear, once per cursor; frames are text, or the `data` "
        "of server-sent events, whose `event` is the frame's kind and whose `id` is its cursor",
        "servers": [{"$ref": "#/servers/gateway"}, {"$ref": "#/servers/gatewayHttp"}],
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in ("Ready", "Event", "Cursor", "Error")},
        "bindings": {"ws": {"method": "GET", "query": _query(topics), "bindingVersion": "0.1.0"}},
    }


def stream_operation(action: str, topics: Iterable[str]) -> dict[str, Any]:
    """Say who sends: the bus to its subscribers, by a request of theirs."""
    http = {"method": "GET", "query": _query(topics), "bindingVersion": _HTTP_BINDING}
    return {"action": action, "channel": {"$ref": f"#/channels/{STREAM}"}, "bindings": {"http": http}}


def _query(topics: Iterable[str]) -> dict[str, Any]:
    of_these = f"of {', '.join(topics)}; {STREAM_QUERY['topics']['description']}"
    asked = {**STREAM_QUERY, "topics": {**STREAM_QUERY["topics"], "description": of_these}}
    return {"type": "object", "properties": asked, "required": ["topics"]}


def stream_messages(topics: Sequence[str], events: Collection[str]) -> dict[str, Any]:
    """Give the frames of some topics with some events."""
    return {
        name: {"name": name.lower(), "title": name, "contentType": "application/json", "payload": schema}
        for name, schema in _frames(topics, events).items()
    }


def _frames(topics: Sequence[str], events: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Give the frames of the stream as JSON Schema."""
    ce = dict.fromkeys(("id", "source", "type", "subject", "time"), _STRING)
    event = {
        "topic": {"enum": [*topics]},
        "cursor": {**_STRING, "description": "after this event"},
        "ce": {"type": "object", "properties": ce, "required": [*ce]},
        "traceparent": _STRING,
        "tracestate": _STRING,
        "ticket_version": {"type": "integer", "minimum": 1},
        "data": {"oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in events]},
    }
    names = {"type": "array", "items": _STRING}
    conditions = {"version": _STRING, **dict.fromkeys(("topics", "types", "regions", "assignees"), names)}
    filters = {
        "type": "array",
        "description": "what events are filtered by: each version of the subscription that has conditions, and the "
        "address's own, without a version",
        "items": {"type": "object", "properties": conditions},
    }
    ready = {"topics": names, "cursor": _STRING, "filters": filters}
    stands = {"cursor": {**_STRING, "description": "after events that the filter left out"}}
    problem = {"code": _STRING, "detail": _STRING, "detail_en": _STRING, "cursor": _STRING}
    return {
        "Ready": _kind("ready", ready, optional=("filters",)),
        "Event": _kind("event", event, optional=("tracestate",)),
        "Cursor": _kind("cursor", stands),
        "Error": _kind("error", problem, optional=("cursor",)),
    }


def _kind(kind: str, properties: Mapping[str, Any], optional: Sequence[str] = ()) -> dict[str, Any]:
    needed = ["kind", *(name for name in properties if name not in optional)]
    return {"type": "object", "properties": {"kind": {"const": kind}, **properties}, "required": needed}
