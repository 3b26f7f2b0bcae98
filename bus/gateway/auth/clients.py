"""Clients and their tokens in PostgreSQL: only the SHA-256 of a token is kept."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from psycopg.errors import UniqueViolation

from bus.domain.errors import CommandRefused
from bus.gateway.auth.binding import UNBOUND, Binding, Client
from bus.gateway.auth.roles import Role
from bus.intake.reserved_names import plain_name, refuse_reserved
from bus.postgres.pool import Pool, connected

TOKEN_BYTES = 32
_ADD = """
insert into clients (name, role, token_sha256, expires_at, bound, source, all_sources, person, on_behalf, regions)
values (%s, %s, %s, now() + %s * interval '1 day', %s, %s, %s, %s, %s, %s)
"""
_BINDING = "bound, source, all_sources, person, on_behalf, regions"
_LIST = f"""
select name, role, created_at, revoked_at, expires_at, last_used_at, {_BINDING} from clients order by name
"""  # noqa: S608 - our own columns
_RENEW = """
update clients set token_sha256 = %(token)s, expires_at = now() + %(days)s * interval '1 day',
    earlier_sha256 = token_sha256,
    earlier_until = least(expires_at, now() + %(hours)s * interval '1 hour')
where name = %(name)s and revoked_at is null
"""
_TOKENS = f"""
select token_sha256, name, role, expires_at, {_BINDING} from clients where revoked_at is null
union all
select earlier_sha256, name, role, earlier_until, {_BINDING} from clients
where revoked_at is null and earlier_until > now()
"""  # noqa: S608 - our own columns
_USED = """
with locked as (select name from clients where name = any(%(names)s) order by name for update)
update clients set last_used_at = used.at
from unnest(%(names)s::text[], %(times)s::timestamptz[]) used (name, at) join locked using (name)
where clients.name = used.name and (last_used_at is null or last_used_at < used.at)
"""
_ENSURE = """
insert into clients (name, role, token_sha256) values (%s, %s, %s)
on conflict (name) do update set token_sha256 = excluded.token_sha256
where clients.role = excluded.role and clients.revoked_at is null
"""
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedClient:
    """A client as it is listed; the token itself is nowhere."""

    name: str
    role: Role
    created_at: datetime
    revoked_at: datetime | None
    expires_at: datetime | None
    last_used_at: datetime | None
    binding: Binding


def token_hash(token: str) -> bytes:
    """Hash a token; tokens are random, so no salt is needed. Pure."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


async def add_client(
    pool: Pool, name: str, role: Role, binding: Binding = UNBOUND, *, expires_days: int | None = None
) -> str:
    """Add a client that speaks for what it is bound to, and give its token, this once.

    The token is refused `expires_days` from now on; without, it does not expire.

    Raises CommandRefused for a name taken, MalformedInput for the bus's own, StoreUnavailable.
    """
    refuse_reserved(name, "name")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        async with connected(pool) as connection:
            await connection.execute(_ADD, (name, role.value, token_hash(token), expires_days, *_columns(binding)))
    except UniqueViolation:
        zh, en = f"客户端“{name}”已存在", f"there is a client {name!r} already"
        raise CommandRefused("already", "name", zh, en) from None
    return token


async def bind_client(pool: Pool, name: str, binding: Binding) -> bool:
    """Bind a standing client anew; False when there is none. Its token stays. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        done = await connection.execute(
            f"update clients set ({_BINDING}) = row(%s, %s, %s, %s, %s, %s) where name = %s".encode(),  # noqa: S608 - our own columns
            (*_columns(binding), name),
        )
        return done.rowcount > 0


def _columns(binding: Binding) -> tuple[object, ...]:
    return (binding.bound, binding.source, binding.all_sources, binding.person, binding.on_behalf, [*binding.regions])


def _binding(row: tuple[Any, ...]) -> Binding:
    bound, source, all_sources, person, on_behalf, regions = row
    return Binding(
        bound=bound,
        source=source,
        all_sources=all_sources,
        person=plain_name(person),  # of an earlier version it may have blanks around it, or what nobody sees
        on_behalf=on_behalf,
        regions=tuple(regions),
    )


async def renew_client(pool: Pool, name: str, *, expires_days: int | None = None, keep_hours: int = 0) -> str | None:
    """Give a standing client a new token in place of its old one, this once; None when there is none, or it is revoked.

    The old one is good for `keep_hours` more, or for as long as it would have been; one before that is not.
    The client stays the same: its keys, its binding, what it did. Raises StoreUnavailable.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    async with connected(pool) as connection:
        done = await connection.execute(
            _RENEW, {"token": token_hash(token), "days": expires_days, "hours": keep_hours, "name": name}
        )
    return token if done.rowcount else None


async def ensure_client(pool: Pool, name: str, role: Role, token: str) -> None:
    """Ensure a client with this role and token; a revoked one stays revoked, with a warning.

    Idempotent. Raises CommandRefused when the client has another role or the token is another's; StoreUnavailable.
    """
    digest = token_hash(token)
    try:
        async with connected(pool) as connection:
            done = await connection.execute(_ENSURE, (name, role.value, digest))
    except UniqueViolation:
        zh, en = (
            f"给“{name}”的令牌已属于另一个客户端,请换一个",
            f"the token for {name!r} belongs to another client; use another",
        )
        raise CommandRefused("already", "token", zh, en) from None
    if done.rowcount:
        return
    known = next(one for one in await list_clients(pool) if one.name == name)
    if known.role is not role:
        zh, en = f"客户端“{name}”已存在,角色是 {known.role}", f"there is a client {name!r} already, as {known.role}"
        raise CommandRefused("already", "name", zh, en)
    log.warning("a revoked client stays revoked", client=name)


async def revoke_client(pool: Pool, name: str) -> bool:
    """Take a client's token away; False when there is no such client. Idempotent. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        done = await connection.execute(
            "update clients set revoked_at = coalesce(revoked_at, now()) where name = %s", (name,)
        )
        return done.rowcount > 0


async def list_clients(pool: Pool) -> list[ListedClient]:
    """List all clients by name. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        rows = await (await connection.execute(_LIST.encode())).fetchall()
    return [
        ListedClient(
            name=name,
            role=Role(role),
            created_at=created_at,
            revoked_at=revoked_at,
            expires_at=expires_at,
            last_used_at=last_used_at,
            binding=_binding(tuple(binding)),
        )
        for name, role, created_at, revoked_at, expires_at, last_used_at, *binding in rows
    ]


async def load_tokens(pool: Pool) -> dict[bytes, Client]:
    """Load the client of each live token, by the token's hash. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        return {
            bytes(digest): Client(name=name, role=Role(role), binding=_binding(tuple(binding)), expires_at=expires_at)
            for digest, name, role, expires_at, *binding in await (
                await connection.execute(_TOKENS.encode())
            ).fetchall()
        }


async def note_use(pool: Pool, used: Mapping[str, datetime]) -> None:
    """Store when clients were seen last; an earlier time changes nothing. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        await connection.execute(_USED, {"names": list(used), "times": list(used.values())})
