"""`ticketbus client`: the clients of the gateway and their tokens."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.gateway.auth.binding import Binding
    from bus.gateway.auth.clients import ListedClient
    from bus.gateway.auth.roles import Role

commands = typer.Typer(name="client", help="Tokens of those who may speak to the gateway.", no_args_is_help=True)

Person = Annotated[str, typer.Option("--person", help="The person it speaks for.")]
OnBehalf = Annotated[bool, typer.Option("--on-behalf", help="It names the person per request, as apps do.")]
Source = Annotated[str, typer.Option("--source", help="The source whose tickets it reaches.")]
AllSources = Annotated[bool, typer.Option("--all-sources", help="It reaches the tickets of every source.")]
Region = Annotated[list[str] | None, typer.Option("--region", help="A region it is for; again for another.")]
AllRegions = Annotated[bool, typer.Option("--all-regions", help="Of every region from now on; else it keeps its own.")]
ExpiresDays = Annotated[
    int | None, typer.Option("--expires-days", min=1, max=3660, help="Days until the token ends; without, it does not.")
]


@commands.command()
def add(
    name: Annotated[str, typer.Argument(help="Lower case letters, digits, dots and dashes.")],
    role: Annotated[
        str, typer.Option("--role", help="source, engineer, dispatcher, lead, sre, subscriber, host or admin.")
    ],
    *,
    person: Person = "",
    on_behalf: OnBehalf = False,
    source: Source = "",
    all_sources: AllSources = False,
    region: Region = None,
    expires_days: ExpiresDays = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Add a client and show its token, this once: only a hash of it is kept.

    A token is bound to what it speaks for: a source's to its source (its own
    name, unless --source says another), an engineer's to a person.

    Example: ticketbus client add wang --role engineer --person 王磊
    """
    from bus.app import require
    from bus.cli.run import echo_json, resolved, run
    from bus.domain.naming import nearest
    from bus.gateway.auth.clients import add_client
    from bus.gateway.auth.roles import Role
    from bus.postgres.pool import open_pool

    if role not in list(Role):
        raise typer.BadParameter(f"no such role; did you mean {nearest(role, Role) or 'one of ' + ', '.join(Role)}?")
    _check_name(name)
    binding = _binding(
        Role(role), name, person=person, on_behalf=on_behalf, source=source, all_sources=all_sources, regions=region
    )
    url = require(resolved(data), "database_url")

    async def work() -> str:
        async with open_pool(url, size=1) as pool:
            return await add_client(pool, name, Role(role), binding, expires_days=expires_days)

    token = run(work())
    if as_json:
        echo_json({"name": name, "role": role, "token": token})
    else:
        echo(token)
        echo("令牌只显示这一次 / this token is shown once", err=True)


@commands.command()
def renew(
    name: str,
    *,
    expires_days: ExpiresDays = None,
    keep_hours: Annotated[
        int, typer.Option("--keep-hours", min=0, max=720, metavar="HOURS", help="Hours for which the old one is good.")
    ] = 0,
    data: Data = None,
) -> None:
    """Give a client a new token; gateways refuse the old one within seconds, and the client stays the same.

    With --keep-hours both are good for so long, so that the client never stands without one.

    Exits 1 when there is no such client, or it is revoked.

    Example: ticketbus client renew zhang --expires-days 90 --keep-hours 24
    """
    from bus.app import require
    from bus.cli.run import resolved, run
    from bus.gateway.auth.clients import renew_client
    from bus.postgres.pool import open_pool

    url = require(resolved(data), "database_url")

    async def work() -> str | None:
        async with open_pool(url, size=1) as pool:
            return await renew_client(pool, name, expires_days=expires_days, keep_hours=keep_hours)

    token = run(work())
    if token is None:
        echo(f"没有客户端“{name}”或已吊销 / there is no client {name!r}, or it is revoked", err=True)
        raise typer.Exit(1)
    echo(token)
    echo("令牌只显示这一次 / this token is shown once", err=True)


@commands.command()
def bind(
    name: Annotated[str, typer.Argument(help="A client that is there; its token stays.")],
    *,
    person: Person = "",
    on_behalf: OnBehalf = False,
    source: Source = "",
    all_sources: AllSources = False,
    region: Region = None,
    all_regions: AllRegions = False,
    data: Data = None,
) -> None:
    """Bind a client anew to what it speaks for; gateways know within seconds.

    It keeps its regions, unless others are named. Example: ticketbus client bind zhang --person 张组长
    """
    from bus.app import require
    from bus.cli.run import resolved, run
    from bus.gateway.auth.clients import bind_client, list_clients
    from bus.postgres.pool import open_pool

    url = require(resolved(data), "database_url")

    if region and all_regions:
        raise typer.BadParameter("give --region or --all-regions, not both")

    async def work() -> str | None:
        async with open_pool(url, size=1) as pool:
            known = next((one for one in await list_clients(pool) if one.name == name), None)
            if known is None:
                return None
            binding = _binding(
                known.role,
                name,
                person=person,
                on_behalf=on_behalf,
                source=source,
                all_sources=all_sources,
                regions=region or ([] if all_regions else [*known.binding.regions]),
            )
            return _speaks_for(known.role, binding) if await bind_client(pool, name, binding) else None

    speaks = run(work())
    if speaks is None:
        echo(f"没有客户端“{name}” / there is no client {name!r}", err=True)
        raise typer.Exit(1)
    echo(f"{name} bound  {speaks}")


def _check_name(name: str) -> None:
    """Refuse what no client and no source is called. Raises typer.BadParameter and MalformedInput."""
    from bus.intake.reserved_names import is_client_name, refuse_reserved

    if not is_client_name(name):
        raise typer.BadParameter(f"{name!r} is no name; use lower case letters, digits, dots and dashes")
    refuse_reserved(name, "name")


def _binding(
    role: "Role",
    name: str,
    *,
    person: str,
    on_behalf: bool,
    source: str,
    all_sources: bool,
    regions: list[str] | None,
) -> "Binding":
    """Read what a client is to speak for. Raises typer.BadParameter and MalformedInput."""
    from bus.gateway.auth.binding import Binding, check_binding
    from bus.gateway.auth.roles import Role

    if role is Role.SOURCE and not all_sources:
        source = source or name
    if source:
        _check_name(source)
    made = Binding(
        bound=True,
        source=source,
        all_sources=all_sources,
        person=redrive.person(person) or "" if person else "",
        on_behalf=on_behalf,
        regions=tuple(regions or ()),
    )
    if wrong := check_binding(role, made):
        raise typer.BadParameter(wrong)
    return made


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List the clients, revoked ones too: what each speaks for, when it was used last (to the minute), when it expires.

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
            echo(_line(one))


def _line(one: "ListedClient") -> str:
    speaks = _speaks_for(one.role, one.binding)
    expired = one.expires_at is not None and one.expires_at <= datetime.now(UTC)
    times = (
        ("用于 used", one.last_used_at),
        ("已到期 expired" if expired else "到期 expires", one.expires_at),
        ("revoked", one.revoked_at),
    )
    state = "  ".join(f"{name} {at:%Y-%m-%d %H:%M}" for name, at in times if at)
    return f"{one.name:<32} {one.role:<12} {one.created_at:%Y-%m-%d %H:%M}  {speaks}  {state}".rstrip()


def _speaks_for(role: "Role", binding: "Binding") -> str:
    from bus.gateway.auth.binding import BOUND_ROLES
    from bus.gateway.auth.roles import Role

    if role in BOUND_ROLES and not binding.bound:
        return "未绑定 unbound: it reaches all tickets; use client bind"
    if role in (Role.SRE, Role.ADMIN) and not binding.bound:
        return "未绑定 unbound: it decides about dead letters under its own name; use client bind"
    persons = "代表他人 on behalf of persons" if binding.on_behalf else binding.person
    sources = "全部来源 all sources" if binding.all_sources else binding.source
    return "  ".join(filter(None, (persons, sources, "、".join(binding.regions)))) or "-"


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
