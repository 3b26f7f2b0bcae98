"""The route by which a client learns who it is and what it may."""

from collections.abc import Sequence
from datetime import datetime

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.domain.commands import OUTSIDE
from bus.domain.naming import kebab
from bus.gateway.auth.authorize import authenticate
from bus.gateway.auth.binding import lacks, may
from bus.gateway.auth.roles import Access, allows
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading


class LackAnswer(TypedDict):
    """What a role may and this client may not, because of what its token is bound to."""

    access: str
    zh: str
    en: str


class IdentityAnswer(TypedDict):
    """A client: its role, what it may read and decide (`accesses`), which commands it may send, whom it speaks for.

    `lacks`: what its role may and its binding does not allow, with the reason. `regions` empty: it is bound to none.
    `expires_at` null: its token does not expire.
    """

    client: str
    role: str
    accesses: list[str]
    commands: list[str]
    lacks: list[LackAnswer]
    person: str
    on_behalf: bool
    regions: list[str]
    expires_at: datetime | None


def identity_routes() -> Sequence[HttpRoute]:
    """Make the route. Pure."""

    async def show_identity(http: HttpRequest) -> Response:
        """Say who the client of this token is and what it may, which depends on its role and its binding."""
        client = await authenticate(http)
        answer = IdentityAnswer(
            client=client.name,
            role=client.role.value,
            accesses=[one.value for one in Access if may(client, one)],
            commands=sorted(kebab(one) for one in OUTSIDE if may(client, one)),
            lacks=[
                LackAnswer(access=one.value, zh=text.zh, en=text.en)
                for one in Access
                if allows(client.role, one) and (text := lacks(client, one))
            ],
            person=client.binding.person,
            on_behalf=client.binding.on_behalf,
            regions=[*client.binding.regions],
            expires_at=client.expires_at,
        )
        return json_response(answer)

    return [reading("/v1/client", show_identity, "Show whose token this is", IdentityAnswer)]
