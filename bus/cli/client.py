"""`ticketbus client`: the clients of the gateway and their tokens."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.gateway.auth.clients import ListedClient

commands = typer.Typer(name="client", help="Tokens of those who may speak to the gateway.", no_args_is_help=True)

NAME = r"[a-z0-9][a-z0-9._-]{0,62}"


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits, dots and dashes.")],
    role: Annotated[str, typer.Option("--role", help="source, engineer, dispatcher, lead, sre, subscriber or admin.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Add a client and show its token, this once: only a hash of it is kept.

    Example: ticketbus client add engineer-app --role engineer
    """
    import re

    from bus.app import require
    from bus.cli.run import echo_json, resolved, run
    from bus.domain.naming import nearest
    from bus.gateway.auth.clients import add_client
    from bus.gateway.auth.roles import Role
    from bus.postgres.pool import open_pool

    if role not in list(Role):
        raise typer.BadParameter(f"no such role; did you mean {nearest(role, Role) or 'one of ' + ', '.join(Role)}?")
    if not re.fullmatch(NAME, name):
        raise typer.BadParameter(f"{name!r} is no name; use lower case letters, digits, dots and dashes")
    url = require(resolved(data), "database_url")

    async def work() -> str:
        async with open_pool(url, size=1) as pool:
            return await add_client(pool, name, Role(role))

    token = run(work())
    if as_json:
        echo_json({"name": name, "role": role, "token": token})
    else:
        echo(token)
        echo("令牌只显示这一次 / this token is shown once", err=True)


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the clients, revoked ones too.

    Example: ticketbus client list --json
    """
    from dataclasses import asdict

    from bus.app import require
    from bus.cli.run import echo_json, resolved, run
    from bus.gateway.auth.clients import list_clients
    from bus.postgres.pool import open_pool

    url = require(resolved(data), "database_url")

    async def work() -> "list[ListedClient]":
        async with open_pool(url, size=1) as pool:
            return await list_clients(pool)

    for one in run(work()):
        if as_json:
            echo_json(asdict(one))
        else:
            state = f"revoked {one.revoked_at:%Y-%m-%d %H:%M}" if one.revoked_at else ""
            echo(f"{one.name:<32} {one.role:<12} {one.created_at:%Y-%m-%d %H:%M}  {state}".rstrip())


@commands.command()
def revoke(name: str, data: Data = None) -> None:
    """Take a client's token away; running gateways follow within seconds. Exits 1 when there is no such client.

    Example: ticketbus client revoke engineer-app
    """
    from bus.app import require
    from bus.cli.run import resolved, run
    from bus.gateway.auth.clients import revoke_client
    from bus.postgres.pool import open_pool

    url = require(resolved(data), "database_url")

    async def work() -> bool:
        async with open_pool(url, size=1) as pool:
            return await revoke_client(pool, name)

    if not run(work()):
        echo(f"没有客户端“{name}” / there is no client {name!r}", err=True)
        raise typer.Exit(1)
    echo(f"{name} revoked")
