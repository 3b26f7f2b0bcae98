"""Routes of subscriptions: who reads the public topics from outside, for whom, and whom to ask."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, NotRequired

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.consistency.subscriptions import (
    FIRST_VERSION,
    Subscription,
    groups_of,
    read_subscription,
    subscription_json,
)
from bus.consistency.topic_readers import seen_by
from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.text import Text
from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.asyncapi import Hosts
from bus.gateway.http.openapi import in_path
from bus.gateway.http.request_models import Name, NotBlank, RequestModel, gone
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.http.single_values import flag_of, query_of
from bus.gateway.ports import SubscriptionService
from bus.gateway.routes.asyncapi import asyncapi_routes
from bus.gateway.routes.decided_requests import DecidedRequests
from bus.gateway.routes.readers import reader_route
from bus.intake.reserved_names import plain_name, refuse_control
from bus.observability.masking import mask_text
from bus.wire.rejected_input import RejectedInputStore
from schemas.topics import Contract

_REMOVED: Final = {"name": "removed", "in": "query", "schema": {"enum": ["true", "false"], "default": "false"}}
_CLIENT: Final = in_path("client", {"type": "string"})
_FIELDS: Final = {
    "topic": "topics",
    "type": "types",
    "group": "groups",
    "field": "fields",
    "region": "regions",
    "assignee": "assignees",
}  # as the command's options name them
_GONE: Final = Text("没有这个订阅,或已移除", "there is no such subscription, or it was removed")
Names = list[NotBlank]


class AddSubscription(RequestModel):
    """Add a subscription: alerts about this client then name its owner and contact. It grants nothing.

    `types` empty: all events of its topics; `regions`, `assignees` empty: of all tickets. `groups` empty: the group of
    its name, and those that begin with subscriber.NAME/. `rate`: events an hour that it expects. The very same again
    changes nothing.
    """

    client: NotBlank
    owner: NotBlank
    contact: NotBlank
    topics: Annotated[Names, Field(min_length=1)]
    types: Names = Field(default_factory=list)
    regions: Names = Field(default_factory=list)
    assignees: Names = Field(default_factory=list)
    groups: Names = Field(default_factory=list)
    fields: Names = Field(default_factory=list)
    version: NotBlank = FIRST_VERSION
    rate: float | None = None
    why: Name = ""


class RemoveSubscription(RequestModel):
    """Remove a subscription; its row stays, with who removed it and why. It takes no right away."""

    client: NotBlank
    version: NotBlank = FIRST_VERSION
    why: NotBlank


class SubscriptionAnswer(TypedDict):
    """A subscription, who added and removed it, and where one client is shown: when each topic was last seen read."""

    number: int
    client: str
    version: str
    owner: str
    contact: str
    topics: list[str]
    types: list[str]
    regions: list[str]
    assignees: list[str]
    groups: list[str]
    fields: list[str]
    rate: float | None
    added_at: datetime
    added_by: str
    added_why: str
    removed_at: datetime | None
    removed_by: str | None
    removed_why: str | None
    seen: NotRequired[dict[str, datetime | None]]


class SubscriptionList(TypedDict):
    """Subscriptions, by client, the oldest first."""

    subscriptions: list[SubscriptionAnswer]


def subscription_routes(
    service: SubscriptionService, contract: Contract, hosts: Hosts, refused: RejectedInputStore
) -> Sequence[HttpRoute]:
    """Make the routes; `hosts` is what a subscriber's document names. Pure."""
    handlers = _SubscriptionHandlers(service, contract, hosts.namespace)
    requests = DecidedRequests(refused, Access.DECIDE_CONSUMERS)
    return [
        reading(
            "/v1/subscriptions", handlers.list_subscriptions, "List subscriptions", SubscriptionList,
            parameters=[_REMOVED],
        ),
        reading(
            "/v1/subscriptions/{client}", handlers.show_subscriptions, "Show a client's subscriptions",
            SubscriptionList, parameters=[_CLIENT],
        ),
        requests.route("/v1/subscriptions", AddSubscription, handlers.add, SubscriptionList),
        requests.route("/v1/subscriptions/{client}/remove", RemoveSubscription, handlers.remove, SubscriptionList),
        *asyncapi_routes(service, contract, hosts),
        reader_route(service, contract, hosts.namespace),
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _SubscriptionHandlers:
    service: SubscriptionService
    contract: Contract
    namespace: str

    async def list_subscriptions(self, http: HttpRequest) -> Response:
        """List what is subscribed: client, version, owner, contact, topics, types."""
        await admit(http, Access.CONSUMERS)
        return json_response(await self._listed("", removed=flag_of(query_of(http), "removed")))

    async def show_subscriptions(self, http: HttpRequest) -> Response:
        """Show a client's subscriptions, removed ones too, and when it was last seen reading."""
        await admit(http, Access.CONSUMERS)
        rows = await self.service.listed(http.path_params["client"], removed=True)
        if not rows:
            raise gone("client", _GONE)
        readers = await self.service.readers()
        shown = [{**subscription_json(one), "seen": seen_by(one.subscription, readers)} for one in rows]
        return json_response({"subscriptions": shown})

    async def add(self, wanted: AddSubscription, by: str) -> object:
        """Add it, unless the very same is there."""
        try:
            refuse_control(wanted.why, "why")
            asked = read_subscription(
                Subscription(
                    client=wanted.client,
                    owner=wanted.owner,
                    contact=wanted.contact,
                    topics=tuple(dict.fromkeys(wanted.topics)),
                    types=tuple(dict.fromkeys(wanted.types)),
                    regions=tuple(dict.fromkeys(wanted.regions)),
                    assignees=tuple(dict.fromkeys(map(plain_name, wanted.assignees))),
                    version=wanted.version,
                    rate=wanted.rate,
                    groups=tuple(dict.fromkeys(wanted.groups)) or groups_of(wanted.client, self.namespace),
                    fields=tuple(dict.fromkeys(wanted.fields)),
                ),
                self.contract,
                self.namespace,
            )
        except MalformedInput as error:  # it can be read, and is refused
            field = _FIELDS.get(error.field, error.field)
            raise CommandRefused(error.code, field, error.zh, error.en, **error.context) from error
        if not await self._is_there(asked):
            try:
                await self.service.add(asked, by=by, why=mask_text(wanted.why))
            except CommandRefused:
                if not await self._is_there(asked):  # else it came twice at once
                    raise
        return await self._listed(asked.client)

    async def remove(self, wanted: RemoveSubscription, by: str) -> object:
        """Remove it; 404 when there is none, or none any more, unless this request removed it when it came before."""
        why = mask_text(wanted.why)
        if not await self.service.remove(wanted.client, wanted.version, by=by, why=why):
            rows = await self.service.listed(wanted.client, removed=True)
            last = next((one for one in reversed(rows) if one.subscription.version == wanted.version), None)
            if last is None or (last.removed_by, last.removed_why) != (by, why):
                raise gone("subscription", _GONE)
        return await self._listed(wanted.client, removed=True)

    async def _is_there(self, asked: Subscription) -> bool:
        return any(one.subscription == asked for one in await self.service.listed(asked.client, removed=False))

    async def _listed(self, client: str, *, removed: bool = False) -> dict[str, Any]:
        rows = await self.service.listed(client, removed=removed)
        return {"subscriptions": [subscription_json(one) for one in rows]}
