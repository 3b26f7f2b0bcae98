"""The ACLs that the topic contract means: what each program, source and subscriber may do on the broker. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Final

from schemas.topics import COMMANDS, INTAKE, Contract, Topic, physical

STAGES: Final = ("projections", "delivery", "intake", "commands", "hosts")
# The contract's readers and writers, by the program that they are part of. Sources and subscribers are named singly.
PROGRAMS: Final[Mapping[str, tuple[str, ...]]] = {
    "gateway": ("gateway", "relay", "stream"),
    "worker": ("relay", *STAGES),
    "watch": ("watch",),
    "operator": ("operators",),
}
SOURCES: Final = "sources"
# Who sees, by name alone, all that is on the cluster: groups and what they read, topics that nobody declares, disks.
WATCHING: Final = ("worker", "operator")
CLUSTER: Final = "kafka-cluster"  # Kafka's own name for it
EVERY: Final = "*"  # Kafka's own name for all of a kind
_SEE: Final = ("Describe", "DescribeConfigs")
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")  # as `client add` takes names


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Acl:
    """One ACL, in Kafka's words: `User:ticketbus.watch` may `Write` the `topic` `bus.hosts`.

    `resource` is topic, group, transactional-id or cluster; `prefixed` covers every name that begins with `name`.
    """

    principal: str
    resource: str
    name: str
    operation: str
    prefixed: bool = False
    allow: bool = True
    host: str = "*"

    def __str__(self) -> str:
        """Say it on one line, as `topics acl` lists it."""
        refusal = "" if self.allow else "  DENY"
        host = "" if self.host == "*" else f"  from {self.host}"
        name = f"{self.name}*" if self.prefixed else self.name
        return f"{self.principal:<30} {self.operation:<16} {self.resource:<17} {name}{host}{refusal}"


def acls_of(
    contract: Contract, *, namespace: str, sources: Iterable[str] = (), subscribers: Iterable[str] = ()
) -> tuple[Acl, ...]:
    """Derive the ACLs of the bus's programs, and of the sources and subscribers named; sorted.

    A source may write transactions, a subscriber join groups, whose names begin with its own and a slash.
    ValueError for a name that `client add` would not take.
    """
    topics = {physical(namespace, name): topic for name, topic in contract.topics.items()}
    return tuple(sorted({*_programs(topics, namespace), *_others(topics, namespace, sources, subscribers)}))


def commands(acls: Iterable[Acl]) -> list[str]:
    """Spell the ACLs as calls of Kafka's own tool, one per principal and resource."""
    calls: dict[tuple[str, str, str, bool], list[str]] = {}
    for one in acls:
        calls.setdefault((one.principal, one.resource, one.name, one.prefixed), []).append(one.operation)
    return [
        'kafka-acls.sh --bootstrap-server "$KAFKA_BOOTSTRAP" --command-config admin.properties --add'
        f" --allow-principal {quote(principal)} {' '.join(f'--operation {one}' for one in operations)}"
        f" --{resource}{'' if name == CLUSTER else f' {quote(name)}'}"
        f"{' --resource-pattern-type prefixed' if prefixed else ''}"
        for (principal, resource, name, prefixed), operations in calls.items()
    ]


def principal_of(namespace: str, name: str) -> str:
    """Name a user as Kafka does: the user `ticketbus.worker` of a namespace."""
    return f"User:{physical(namespace, name)}"


def _programs(topics: Mapping[str, Topic], namespace: str) -> Iterator[Acl]:
    for program, parts in PROGRAMS.items():
        principal = principal_of(namespace, f"ticketbus.{program}")
        for name, topic in topics.items():
            if set(parts) & set(topic.writers):
                yield Acl(principal=principal, resource="topic", name=name, operation="Write")
            if set(parts) & set(topic.readers) or (topic.public and "stream" in parts):
                yield Acl(principal=principal, resource="topic", name=name, operation="Read")
            if program == "operator":  # `privacy erase` deletes what took effect, where a topic holds it in clear
                in_clear = name in (physical(namespace, COMMANDS), physical(namespace, INTAKE))
                for operation in (*_SEE, "Delete") if in_clear else _SEE:
                    yield Acl(principal=principal, resource="topic", name=name, operation=operation)
        for stage in sorted(set(parts) & set(STAGES)):
            group = physical(namespace, f"ticketbus.{stage}")
            yield Acl(principal=principal, resource="group", name=group, operation="Read")
        if program in WATCHING:
            for resource, name in (("cluster", CLUSTER), ("group", EVERY), ("topic", EVERY)):
                yield Acl(principal=principal, resource=resource, name=name, operation="Describe")
    for name in topics:
        for operation in ("Create", "AlterConfigs", *_SEE):
            principal = principal_of(namespace, "ticketbus.prepare")
            yield Acl(principal=principal, resource="topic", name=name, operation=operation)


def _others(
    topics: Mapping[str, Topic], namespace: str, sources: Iterable[str], subscribers: Iterable[str]
) -> Iterator[Acl]:
    for source in map(_checked, sources):
        user, principal = physical(namespace, f"source.{source}"), principal_of(namespace, f"source.{source}")
        for name, topic in topics.items():
            if SOURCES in topic.writers:
                yield Acl(principal=principal, resource="topic", name=name, operation="Write")
        yield Acl(principal=principal, resource="transactional-id", name=f"{user}/", operation="Write", prefixed=True)
    for subscriber in map(_checked, subscribers):
        user, principal = physical(namespace, f"subscriber.{subscriber}"), f"subscriber.{subscriber}"
        principal = principal_of(namespace, principal)
        for name, topic in topics.items():
            if topic.public:
                yield Acl(principal=principal, resource="topic", name=name, operation="Read")
        for who in (principal, principal_of(namespace, "ticketbus.operator")):  # who runs `subscription rewind`
            yield Acl(principal=who, resource="group", name=f"{user}/", operation="Read", prefixed=True)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a client: small letters, digits, '.', '_' and '-', at most 63")
    return name
