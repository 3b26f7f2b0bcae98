"""Routes of the audit tree: how it stands, whether what was sealed is still so, and a history with its proof."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.audit.subject import Subject, subject_of
from bus.domain.errors import MalformedInput
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import query_of
from bus.intake.command_bodies import read_time

_TIME: Final = {"type": "string", "format": "date-time"}
_QUERY: Final = [
    {"name": "ticket", "in": "query", "schema": {"type": "string", "minLength": 1}},
    {"name": "since", "in": "query", "schema": _TIME},
    {"name": "until", "in": "query", "schema": _TIME},
]


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


class BundleAnswer(TypedDict):
    """A proof bundle, as `ticketbus audit --bundle` writes it and `ticketbus audit verify` reads it."""

    format: str
    about: dict[str, str]
    made_at: datetime
    key: str
    checkpoint: str
    events: list[dict[str, Any]]
    signature: str


class AuditTree(NamedTuple):
    """The three questions. All raise StoreUnavailable, `check` also KafkaUnavailable; `check`, `bundle` HttpProblem."""

    state: Callable[[], Awaitable[AuditStateAnswer]]
    check: Callable[[], Awaitable[AuditCheckAnswer]]
    bundle: Callable[[Subject], Awaitable[bytes]]


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

    async def make_bundle(http: HttpRequest) -> Response:
        """Give the history of a ticket, or of a period, with its proof; personal texts in it stay sealed."""
        await admit(http, Access.RECONCILE)
        query = query_of(http)
        since, until = (read_time(query[name], name) if name in query else None for name in ("since", "until"))
        subject = subject_of(query.get("ticket", ""), since, until)
        if subject is None:
            zh, en = "请给出 ticket,或 since 与 until", "give ticket, or both since and until, the later last"
            raise MalformedInput("missing", "ticket", zh, en)
        return Response(await tree.bundle(subject), media_type="application/json")

    return [
        reading("/v1/audit", show_state, "Show how the audit tree stands", AuditStateAnswer),
        reading("/v1/audit/check", check_tree, "Compare every event with the audit tree", AuditCheckAnswer),
        reading("/v1/audit/bundle", make_bundle, "Prove a history", BundleAnswer, parameters=_QUERY),
    ]
