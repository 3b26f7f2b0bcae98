"""Routes of the audit tree: how it stands, and whether what was sealed is still so."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading


class AuditStateAnswer(TypedDict):
    """How the tree stands. `waiting`: events that are not sealed yet. `refused_*`: why nothing is sealed any more.

    `keyed`: a key is configured here; without, nothing can be verified.
    """

    keyed: bool
    leaves: int
    waiting: int
    checkpoint_size: int | None
    sealed_at: datetime | None
    note: str | None
    refused_since: datetime | None
    refused_zh: str | None
    refused_en: str | None


class TamperingAnswer(TypedDict):
    """One thing that is not as it was sealed, and where: a ticket and version, a leaf, a tile or a checkpoint."""

    kind: str
    where: str
    zh: str
    en: str


class AuditCheckAnswer(TypedDict):
    """What `ticketbus audit check` finds: how much was compared, and what is wrong, of which the first are listed."""

    leaves: int
    waiting: int
    checkpoints: int
    witnessed: int
    other_trees: int
    problems: int
    listed: list[TamperingAnswer]


class AuditTree(NamedTuple):
    """The two questions. Both raise StoreUnavailable, `check` also KafkaUnavailable, and HttpProblem."""

    state: Callable[[], Awaitable[AuditStateAnswer]]
    check: Callable[[], Awaitable[AuditCheckAnswer]]


def audit_routes(tree: AuditTree) -> Sequence[HttpRoute]:
    """Make the routes. Pure."""

    async def show_state(http: HttpRequest) -> Response:
        """Show how the tree stands."""
        await admit(http, Access.RECONCILE)
        return json_response(await tree.state())

    async def check_tree(http: HttpRequest) -> Response:
        """Compare every event with the tree, now; one at a time, of a tree that is not too large for a request."""
        await admit(http, Access.RECONCILE)
        return json_response(await tree.check())

    return [
        reading("/v1/audit", show_state, "Show how the audit tree stands", AuditStateAnswer),
        reading("/v1/audit/check", check_tree, "Compare every event with the audit tree", AuditCheckAnswer),
    ]
