"""What may be read and written on Kafka, and the stream, as AsyncAPI 3.0.0: for all, and for each subscriber its own.

A subscriber's document is not the bus's read backwards: it has the subscriber's topics, events and groups alone, and
its actions are what the subscriber does. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Final

from pydantic import TypeAdapter

from bus.consistency.subscriptions import Subscription
from bus.gateway.http.asyncapi_stream import (
    STREAM,
    stream_channel,
    stream_messages,
    stream_operation,
    stream_servers,
)
from bus.gateway.http.event_answers import EventAnswer
from bus.settings import Settings
from bus.wire.headers import ASSIGNEE, ASSIGNEE_BEFORE, REGION, REGION_BEFORE, SYNTHETIC
from schemas.catalogue import BY_SUBJECT, EVENT_TYPES, RecordType
from schemas.topics import COMMANDS, Contract, Topic, physical

ASYNCAPI: Final = "3.0.0"
KAFKA_BINDING: Final = "0.5.0"
_AVRO: Final = "application/vnd.apache.avro;version=1.9.0"
_STRING: Final = {"type": "string"}
_EVENT_CLASSES: Final[Mapping[str, RecordType]] = {one.cls.__name__: one for one in EVENT_TYPES}
_ABOUT: Final = (
    "Every change of a ticket is an event: Avro in Confluent's framing, with CloudEvents 1.0 headers (Kafka binding, "
    "binary mode) and the W3C trace context of the ticket. Order holds per ticket. Delivery is at least once: keep the "
    "ticket and `version` of what had its effect, and pass over what is there. A kind of event that you do not know is "
    "one to pass over. Personal texts in Kafka's records are sealed (`enc:v1:…`)."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Where subscribers connect: `HOST:PORT` of a broker and of the gateway; `secure`: Kafka takes SCRAM over TLS."""

    kafka: str = "kafka.example:9094"
    gateway: str = "bus.example"
    namespace: str = ""
    secure: bool = True


def hosts_of(settings: Settings) -> Hosts:
    """Say where subscribers connect to Kafka: by the broker's address that the gateway has itself."""
    return Hosts(
        kafka=(settings.kafka_bootstrap or "").partition(",")[0],
        namespace=settings.namespace,
        secure=settings.kafka_security_protocol == "SASL_SSL",
    )


def document(contract: Contract, hosts: Hosts, *, client: str = "", of: Sequence[Subscription] = ()) -> dict[str, Any]:
    """Describe all public topics as the bus has them; or, for a `client`, what it reads by its subscriptions."""
    read = {name: _types_read(name, contract, of) for name in contract.public()}
    shown = {name: types for name, types in read.items() if types or not client}
    taken = {} if client else {COMMANDS: [BY_SUBJECT[one] for one in contract.topics[COMMANDS].subjects]}
    topics = {**shown, **taken}
    records = {one.subject: one for types in topics.values() for one in types}
    events = [one.cls.__name__ for one in EVENT_TYPES if any(one in types for types in shown.values())]
    return {
        "asyncapi": ASYNCAPI,
        "id": f"urn:ticketbus:{f'client:{client}' if client else 'bus'}",
        "info": {
            "title": f"ticketbus: {client}" if client else "ticketbus",
            "version": version("ticketbus"),
            "description": _ABOUT,
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/avro",
        "servers": _servers(hosts),
        "channels": {
            **{name: _channel(name, contract.topics[name], types, hosts) for name, types in topics.items()},
            STREAM: stream_channel([*shown]),
        },
        "operations": dict(_operations(shown, taken, client, of)),
        "components": {
            "securitySchemes": {
                "scram": {
                    "type": "scramSha256",
                    "description": "user `subscriber.NAME`, by ticketbus topics apply --acl",
                },
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "ticketbus client add NAME --role subscriber",
                },
            },
            "messages": {
                **{one.cls.__name__: _message(one) for one in records.values()},
                **stream_messages([*shown], events),
            },
            "schemas": {"recordHeaders": _HEADERS, **_schemas_of(events)},
        },
    }


def _types_read(topic: str, contract: Contract, of: Sequence[Subscription]) -> list[RecordType]:
    """Give the kinds of event of a topic; of subscriptions those that one of them reads there."""
    names = contract.topics[topic].event_names
    if of:
        wanted = {name for one in of if topic in one.topics for name in (one.types or names)}
        names = tuple(name for name in names if name in wanted)
    elif contract.topics[topic].subjects:
        return [BY_SUBJECT[one] for one in contract.topics[topic].subjects]
    return [_EVENT_CLASSES[name] for name in names]


def _servers(hosts: Hosts) -> dict[str, Any]:
    kafka = {"host": hosts.kafka, "protocol": "kafka-secure" if hosts.secure else "kafka"}
    return {
        "kafka": {**kafka, **({"security": [_ref("securitySchemes", "scram")]} if hosts.secure else {})},
        **stream_servers(hosts.gateway, secure=hosts.secure),
    }


def _channel(name: str, topic: Topic, types: Iterable[RecordType], hosts: Hosts) -> dict[str, Any]:
    address = physical(hosts.namespace, name)
    kept_ms = int(topic.retention.total_seconds() * 1000) if topic.retention else -1
    return {
        "address": address,
        "title": name,
        "description": topic.about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "messages": {one.cls.__name__: _ref("messages", one.cls.__name__) for one in types},
        "bindings": {
            "kafka": {
                "topic": address,
                "partitions": topic.partitions,
                "topicConfiguration": {
                    "cleanup.policy": ["compact"] if topic.compacted else ["delete"],
                    "retention.ms": kept_ms,
                },
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


def _operations(
    shown: Mapping[str, Sequence[RecordType]], taken: Mapping[str, object], client: str, of: Sequence[Subscription]
) -> Iterable[tuple[str, dict[str, Any]]]:
    """Say who does what: the bus sends what clients receive. Each version of a subscription is an operation apart."""
    if not client:
        for name in shown:
            yield f"send.{name}", _operation("send", name)
        for name in taken:
            yield f"receive.{name}", _operation("receive", name)
        yield f"send.{STREAM}", stream_operation("send", shown)
        return
    for one in of:
        groups = {"type": "string", "pattern": f"^({'|'.join(map(_pattern, one.groups))})$"}
        bound = {"groupId": groups, "clientId": _STRING, "bindingVersion": KAFKA_BINDING}
        for name in one.topics:
            names = [each.cls.__name__ for each in shown[name] if not one.types or each.cls.__name__ in one.types]
            yield (
                f"receive.{name}.v{one.version}",
                {
                    **_operation("receive", name),
                    "summary": f"version {one.version} of the subscription",
                    **_filtered(one),
                    "messages": [{"$ref": f"#/channels/{name}/messages/{each}"} for each in names],
                    "bindings": {"kafka": bound},
                },
            )
    yield f"receive.{STREAM}", stream_operation("receive", shown)


def _filtered(one: Subscription) -> dict[str, Any]:
    """Say by what a subscription is filtered: the stream sends nothing else, and on Kafka its reader has to look."""
    conditions = {"types": one.types, "regions": one.regions, "assignees": one.assignees}
    if not any(conditions.values()):
        return {}
    about = "The stream sends what `x-filter` names alone; on Kafka pass over the rest yourself."
    return {"description": about, "x-filter": {name: [*names] for name, names in conditions.items() if names}}


def _operation(action: str, channel: str) -> dict[str, Any]:
    return {"action": action, "channel": {"$ref": f"#/channels/{channel}"}}


def _pattern(group: str) -> str:
    """Write a group as a pattern of ECMA-262, where `re.escape` would escape too much."""
    literal = re.sub(r"[.+?^$()\[\]{}|\\/]", r"\\\g<0>", group.removesuffix("*"))
    return f"{literal}.*" if group.endswith("*") else literal


@cache
def _message(one: RecordType) -> Mapping[str, Any]:
    schema = one.schema
    return {
        "name": one.ce_type,
        "title": one.cls.__name__,
        "summary": schema.get("doc", ""),
        "contentType": "application/avro",
        "headers": _ref("schemas", "recordHeaders"),
        "correlationId": {
            "location": "$message.header#/traceparent",
            "description": "the ticket's trace, for its life",
        },
        "payload": {"schemaFormat": _AVRO, "schema": schema},
        "bindings": {
            "kafka": {
                "key": {**_STRING, "description": "the ticket's number"},
                "schemaIdLocation": "payload",
                "schemaIdPayloadEncoding": "confluent",
                "schemaLookupStrategy": "RecordIdStrategy",
                "bindingVersion": KAFKA_BINDING,
            }
        },
    }


@cache
def _event_schemas() -> Mapping[str, Any]:
    """Give each event as JSON, as the stream and HTTP have it; made once, as messages are: a file is read for each."""
    definitions: dict[str, Any] = TypeAdapter(EventAnswer).json_schema(
        mode="serialization", ref_template="#/components/schemas/{model}"
    )["$defs"]
    return definitions


def _schemas_of(events: Iterable[str]) -> dict[str, Any]:
    """Give the schemas of events, and those within them."""
    every, found, left = _event_schemas(), dict[str, Any](), [*events]
    while left:
        name = left.pop()
        if name not in found:
            found[name] = every[name]
            left += re.findall(r"#/components/schemas/(\w+)", str(every[name]))
    return {name: schema for name, schema in every.items() if name in found}


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _described(about: str, **more: Any) -> dict[str, Any]:
    return {"type": "string", "description": about, **more}


_HEADERS: Final = {
    "type": "object",
    "properties": {
        "ce_specversion": {"const": "1.0"},
        "ce_id": _described("the event's id, UUIDv7", format="uuid"),
        "ce_source": _described("`/sources/` and the name of the system that asked"),
        "ce_type": _described("such as ticket.assigned.v1"),
        "ce_subject": _described("the ticket's number"),
        "ce_time": _described("when it happened", format="date-time"),
        "ce_dataschema": _described("`urn:ticketbus:schema:` and the registry's subject"),
        "content-type": {"const": "application/avro"},
        "traceparent": _described("W3C trace context: the ticket's trace id, the event as span"),
        "tracestate": _described("the entries of the request that opened the ticket, where it had any"),
        "ticket-version": _described("the ticket's version after this event", pattern="^[0-9]{1,9}$"),
        REGION: _described("the ticket's region, UTF-8; none in records of release 0.2"),
        REGION_BEFORE: _described("from which region this event took the ticket, UTF-8"),
        ASSIGNEE: _described("with whom the ticket is after this event, UTF-8; empty: nobody; none: not known"),
        ASSIGNEE_BEFORE: _described("from whom this event took the ticket, UTF-8"),
        SYNTHETIC: _described("`true` on what happens to a virtual ticket"),
    },
    "required": [
        "ce_specversion",
        "ce_id",
        "ce_source",
        "ce_type",
        "ce_subject",
        "ce_time",
        "content-type",
        "traceparent",
    ],
}
