"""Authentication by bearer token, and authorisation by the table of roles."""

from starlette.requests import HTTPConnection

from bus.domain.commands import Command
from bus.domain.errors import CommandRefused
from bus.domain.naming import kebab
from bus.domain.text import Text
from bus.gateway.auth.binding import Client, lacks, may
from bus.gateway.auth.roles import Access, Role, allows
from bus.gateway.deps import answer_of, deps_of
from bus.gateway.http.problems import HttpProblem
from bus.gateway.http.single_values import query_of
from bus.intake.reserved_names import plain_name
from bus.postgres.personal_keys import Reader

SUBPROTOCOL = "ticketbus.v1"  # what a handshake is answered with
SUBPROTOCOL_PREFIX = "bearer."  # of the one that carries a token


async def admit(connection: HTTPConnection, wanted: type[Command] | Access) -> Client:
    """Give the client of a request that is allowed.

    Raises HttpProblem (401, 429, 503), CommandRefused (403) and StoreUnavailable.
    """
    client = await authenticate(connection)
    if refusal := not_allowed(client, wanted):
        raise refusal
    return client


async def authenticate(connection: HTTPConnection) -> Client:
    """Give the client whose token a request has, once its answer has a place in the budget.

    Raises HttpProblem (401, 429, 503) and StoreUnavailable.
    """
    token = bearer(connection)
    client = await deps_of(connection).clients.find(token) if token else None
    if client is None:
        zh, en = "请提供有效令牌:Authorization: Bearer …", "give a valid token: Authorization: Bearer …"
        raise HttpProblem(401, "not_authenticated", "Authorization", Text(zh, en), {"WWW-Authenticate": "Bearer"})
    connection.scope["state"]["client"] = client.name
    if client.role is Role.SOURCE:
        connection.scope["state"]["source"] = client.name
    deps_of(connection).quota.take(client.name)
    if answer := answer_of(connection):
        await answer.admit(client.name, reads=connection.scope["method"] in ("GET", "HEAD"))
    return client


def not_allowed(client: Client, wanted: type[Command] | Access) -> CommandRefused | None:
    """Say why a client may not, or nothing. Pure."""
    if may(client, wanted):
        return None
    what = wanted.value if isinstance(wanted, Access) else kebab(wanted)
    text = Text(f"角色 {client.role} 无权执行 {what}", f"the role {client.role} may not {what}")
    text = (allows(client.role, wanted) and lacks(client, wanted)) or text
    return CommandRefused("not_allowed", "role", text.zh, text.en, role=client.role.value, wanted=what)


def reader_of(connection: HTTPConnection, client: Client) -> Reader:
    """Say who reads what an answer shows in clear."""
    named = query_of(connection).get("person") if client.binding.on_behalf else None
    person = client.binding.person or plain_name(named or "")
    return Reader(client=client.name, person=person, at=deps_of(connection).now())


def bearer(connection: HTTPConnection) -> str | None:
    """Find the token: the Authorization header, or for browsers' WebSockets a subprotocol `bearer.TOKEN`. Pure."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip()
    offered = connection.scope.get("subprotocols", ())
    return next((one.removeprefix(SUBPROTOCOL_PREFIX) for one in offered if one.startswith(SUBPROTOCOL_PREFIX)), None)
