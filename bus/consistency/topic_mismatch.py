"""Topics that somebody uses and the contract does not declare: who, with which client, and the nearest name. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Final

from bus.config_file import FileModel, read_yaml
from bus.consistency.shown_names import one_line, shown
from bus.domain.naming import nearest
from bus.kafka.group_members import GroupMember
from schemas.topics import Contract, physical

_INTERNAL: Final = ("__", "_schemas", "_confluent")
ALIKE: Final = 0.85  # how much like a declared name another one is that was meant to be it


class MismatchKind(StrEnum):
    """Where an undeclared topic is used."""

    SUBSCRIPTION = "subscription"  # a member of a consumer group asks for it; it need not exist
    STREAM = "stream"  # a client of the gateway asked for it and was refused
    TOPIC = "topic"  # it exists on the broker


@dataclass(frozen=True, slots=True, kw_only=True)
class TopicMismatch:
    """An undeclared topic that is used by `who`: a consumer group, or a client of the gateway; of a topic nobody.

    `nearest` is the declared topic that was meant, or empty. `members` are lines: client id, host and member id; of a
    client of the gateway the addresses that it came from.
    `times`: refusals of a client; of groups and topics the rounds that saw it. `records`: how many a topic has had.
    `owner` and `contact` are of the user's subscription, where there is one.
    """

    kind: MismatchKind
    topic: str
    who: str = ""
    nearest: str = ""
    members: tuple[str, ...] = ()
    times: int = 1
    records: int = 0
    owner: str = ""
    contact: str = ""
    last_at: datetime | None = None


class AllowedTopic(FileModel):
    """A topic that may be used undeclared, by every group or by one, and why."""

    topic: str
    group: str = ""
    why: str


class AllowedTopics(FileModel):
    """The file of what is allowed."""

    allowed: tuple[AllowedTopic, ...] = ()


def allowed_topics(file: Path | None) -> Sequence[AllowedTopic]:
    """Read the file of what is allowed; without one, nothing is. Raises ConfigFileInvalid."""
    return read_yaml(file, AllowedTopics).allowed if file else ()


def mismatches(
    contract: Contract,
    namespace: str,
    members: Iterable[GroupMember],
    on_broker: Collection[str],
    allowed: Sequence[AllowedTopic] = (),
) -> list[TopicMismatch]:
    """Find the subscriptions to undeclared topics, and the undeclared topics; of this namespace alone.

    Others' topics may share the cluster: outside the namespace a name is ours when it begins with the first word of a
    declared one (`ticket.`), or is spelled much like one.
    """
    declared = {physical(namespace, name) for name in contract.topics}
    subscribed = dict[tuple[str, str], list[GroupMember]]()
    listed = list(members)
    for one in listed:
        for topic in one.topics:
            if topic not in declared and _ours(topic, declared, namespace, on_broker, one.group):
                subscribed.setdefault((one.group, topic), []).append(one)
    groups = {one.group for one in listed}
    found = [
        TopicMismatch(
            kind=MismatchKind.SUBSCRIPTION,
            topic=shown(topic),
            who=shown(group),
            nearest=nearest(topic.lower(), declared),
            members=tuple(sorted(evidence_of(users))),
        )
        for (group, topic), users in sorted(subscribed.items())
        if not _allows(allowed, topic, group)
    ]
    return found + [
        TopicMismatch(kind=MismatchKind.TOPIC, topic=topic, nearest=nearest(topic.lower(), declared))
        for topic in sorted({*on_broker} - declared)
        if _ours(topic, declared, namespace, on_broker, *groups) and not _allows(allowed, topic, "")
    ]


def evidence_of(users: Iterable[GroupMember]) -> Iterator[str]:
    """Write each member as a line: client id, host and member id."""
    return (f"{one_line(one.client_id)} @ {one_line(one.host)} ({one_line(one.member_id)})" for one in users)


def _allows(allowed: Iterable[AllowedTopic], topic: str, group: str) -> bool:
    return any(one.topic == topic and one.group in ("", group) for one in allowed)


def _ours(topic: str, declared: Collection[str], namespace: str, on_broker: Collection[str], *groups: str) -> bool:
    """Tell whether a name is this bus's to declare; the internal topics of a stream program are its group's."""
    if topic.startswith((*_INTERNAL, f"{physical(namespace, 'ticketbus')}.", *(f"{one}-" for one in groups if one))):
        return False
    plain = [one.removeprefix(f"{namespace}.") for one in declared]
    if namespace and topic.startswith(f"{namespace}."):
        return not (topic in on_broker and topic.endswith(tuple(f".{one}" for one in plain)))  # a longer namespace's
    words = {one.partition(".")[0] for one in plain}
    if (namespace and topic in on_broker) or any(f".{word}." in topic for word in words):  # another namespace's
        return False
    lower = topic.lower()
    return lower.partition(".")[0] in words or bool(get_close_matches(lower, plain, n=1, cutoff=ALIKE))
