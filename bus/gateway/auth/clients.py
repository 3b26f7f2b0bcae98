"""Clients and their tokens in PostgreSQL: only the SHA-256 of a token is kept."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

import structlog
from psycopg.errors import UniqueViolation

from bus.domain.errors import CommandRefused
from bus.gateway.auth.roles import Role
from bus.gateway.ports import Client
from bus.intake.reserved_names import refuse_reserved
from bus.postgres.pool import Pool, connected

TOKEN_BYTES = 32
_ADD = """
insert into clients (name, role, token_sha256) values (%s, %s, %s)
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


def token_hash(token: str) -> bytes:
    """Hash a token; tokens are random, so no salt is needed. Pure."""
    return hashlib.sha256(token.encode(errors="replace")).digest()


async def add_client(pool: Pool, name: str, role: Role) -> str:
    """Add a client and give its token, this once.

    Raises CommandRefused for a name taken, MalformedInput for the bus's own, StoreUnavailable.
    """
    refuse_reserved(name, "name")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    try:
        async with connected(pool) as connection:
            await connection.execute(_ADD, (name, role.value, token_hash(token)))
    except UniqueViolation:
        zh, en = f"客户端“{name}”已存在", f"there is a client {name!r} already"
        raise CommandRefused("already", "name", zh, en) from None
    return token


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
        rows = await connection.execute("select name, role, created_at, revoked_at from clients order by name")
        return [
            ListedClient(name=name, role=Role(role), created_at=created_at, revoked_at=revoked_at)
            for name, role, created_at, revoked_at in await rows.fetchall()
        ]


async def load_tokens(pool: Pool) -> dict[bytes, Client]:
    """Load the client of each live token, by the token's hash. Raises StoreUnavailable."""
    async with connected(pool) as connection:
        rows = await connection.execute("select token_sha256, name, role from clients where revoked_at is null")
        return {bytes(digest): Client(name=name, role=Role(role)) for digest, name, role in await rows.fetchall()}
