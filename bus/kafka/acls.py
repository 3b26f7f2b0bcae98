"""ACLs on the broker: what is missing is added, nothing is taken away. By kafka-python: aiokafka cannot."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    KafkaAdminClient,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)
from kafka.errors import KafkaError

from bus.domain.errors import BusError, KafkaUnavailable
from bus.kafka.clients import REQUEST_TIMEOUT_MS, kafka_options
from bus.settings import Settings
from schemas.acls import Acl

_EVERY = ACLFilter(
    principal=None,
    host=None,
    operation=ACLOperation.ANY,
    permission_type=ACLPermissionType.ANY,
    resource_pattern=ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY),
)
_OPERATIONS = {one.name.title().replace("_", ""): one for one in ACLOperation}
_RESOURCES = {one.name.lower().replace("_", "-"): one for one in ResourceType}


class AclsRefused(BusError):
    """The broker sets no ACLs: it has no authorizer, or the user may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedAcls:
    """What was added, and what else stands about the same topics or users: somebody else's, which stays."""

    added: tuple[Acl, ...]
    others: tuple[Acl, ...]


async def apply_acls(settings: Settings, wanted: Collection[Acl]) -> AppliedAcls:
    """Add the ACLs that are missing; idempotent, and nothing is removed. Raises KafkaUnavailable, AclsRefused."""
    return await asyncio.to_thread(_apply, settings, wanted)


def _apply(settings: Settings, wanted: Collection[Acl]) -> AppliedAcls:
    with _connected(settings) as client:
        present = {_read(one) for one in client.describe_acls(_EVERY)[0]}
        missing = tuple(sorted(set(wanted) - present))
        failed = client.create_acls([_spelled(one) for one in missing])["failed"] if missing else ()
    if failed:
        raise AclsRefused(f"{len(failed)} ACLs were not set: {', '.join(sorted({one.__name__ for one in failed}))}")
    users, topics = {one.principal for one in wanted}, {one.name for one in wanted if one.resource == "topic"}
    others = (one for one in present - set(wanted) if one.principal in users or _about(one, topics))
    return AppliedAcls(added=missing, others=tuple(sorted(others)))


def _about(acl: Acl, topics: Collection[str]) -> bool:
    """Tell whether an ACL covers one of the topics; Kafka's name for all of them is `*`."""
    if acl.resource != "topic":
        return False
    return acl.name == "*" or any(one.startswith(acl.name) if acl.prefixed else one == acl.name for one in topics)


@contextmanager
def _connected(settings: Settings) -> Iterator[KafkaAdminClient]:
    client = None
    try:
        client = KafkaAdminClient(**kafka_options(settings), request_timeout_ms=REQUEST_TIMEOUT_MS)
        yield client
    except (KafkaError, OSError) as error:
        if getattr(error, "retriable", True):
            raise KafkaUnavailable(f"Kafka is away: {type(error).__name__}: {error}") from error
        raise AclsRefused(
            f"the broker refused: {error}; ACLs want a broker with an authorizer, and a super user's name and password"
        ) from error
    finally:
        if client is not None:
            client.close()


def _spelled(acl: Acl) -> ACL:
    pattern = ACLResourcePatternType.PREFIXED if acl.prefixed else ACLResourcePatternType.LITERAL
    return ACL(
        principal=acl.principal,
        host=acl.host,
        operation=_OPERATIONS[acl.operation],
        permission_type=ACLPermissionType.ALLOW if acl.allow else ACLPermissionType.DENY,
        resource_pattern=ResourcePattern(_RESOURCES[acl.resource], acl.name, pattern),
    )


def _read(one: ACL) -> Acl:
    pattern = one.resource_pattern
    return Acl(
        principal=one.principal,
        resource=pattern.resource_type.name.lower().replace("_", "-"),
        name=pattern.resource_name,
        operation=one.operation.name.title().replace("_", ""),
        prefixed=pattern.pattern_type is ACLResourcePatternType.PREFIXED,
        allow=one.permission_type is ACLPermissionType.ALLOW,
        host=one.host,
    )
