"""The route of the AsyncAPI document: the bus's own, open to all, and of each subscriber its own."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import orjson
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from bus.domain.text import Text
from bus.gateway.auth.authorize import authenticate, not_allowed
from bus.gateway.auth.roles import Access
from bus.gateway.http.asyncapi import Hosts, document
from bus.gateway.http.asyncapi_deprecations import with_deprecations
from bus.gateway.http.request_models import gone
from bus.gateway.http.routing import HttpRoute
from bus.gateway.http.single_values import query_of
from bus.gateway.ports import SubscriptionService
from schemas.deprecations import load_deprecations
from schemas.topics import Contract

PATH: Final = "/asyncapi.json"
_NONE: Final = Text(
    "此客户端没有订阅,先运行 ticketbus subscription add", "the client has no subscription: ticketbus subscription add"
)
_ABOUT: Final = {
    "summary": "Describe topics, records and stream as AsyncAPI",
    "parameters": [
        {
            "name": "client",
            "in": "query",
            "description": "a subscriber, for its own document; with its token, or one that reads subscriptions",
            "schema": {"type": "string"},
        }
    ],
    "responses": {
        "200": {
            "description": "An AsyncAPI 3.0.0 document.",
            "content": {"application/json": {"schema": {"type": "object"}}},
        }
    },
}


def asyncapi_routes(service: SubscriptionService, contract: Contract, hosts: Hosts) -> Sequence[HttpRoute]:
    """Make the route; the open document names no host of ours. Pure."""
    deprecations = load_deprecations(contract)
    bare = document(contract, Hosts(namespace=hosts.namespace, secure=hosts.secure))
    whole = orjson.dumps(with_deprecations(bare, deprecations))

    async def asyncapi(http: HttpRequest) -> Response:
        """Describe what may be read, with which schemas; for a client what it reads by its subscriptions."""
        client = query_of(http).get("client", "")
        if not client:
            return Response(whole, media_type="application/json")
        asking = await authenticate(http)
        if asking.name != client and (refusal := not_allowed(asking, Access.CONSUMERS)):
            raise refusal
        subscribed = [one.subscription for one in await service.listed(client, removed=False)]
        if not subscribed:
            raise gone("client", _NONE)
        here = replace(hosts, gateway=http.headers.get("host", hosts.gateway))
        own = document(contract, here, client=client, of=subscribed)
        return Response(orjson.dumps(with_deprecations(own, deprecations)), media_type="application/json")

    return [HttpRoute(method="GET", path=PATH, run=asyncapi, about=_ABOUT, query=("client",))]
