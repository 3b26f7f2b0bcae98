"""Clients of persons who signed in at a company's own provider: one each, with a token for a shift."""

import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final, LiteralString

from bus.domain.errors import CommandRefused
from bus.gateway.auth.clients import token_hash
from bus.gateway.auth.roles import Role
from bus.intake.reserved_names import person_name
from bus.postgres.pool import Pool, connected

PREFIX: Final = "oidc-"
_ADMIT: LiteralString = """
INSERT INTO clients (name, role, token_sha256, expires_at, bound, person, regions) VALUES (%s, %s, %s, %s, true, %s, %s)
ON CONFLICT (name) DO UPDATE SET (role, token_sha256, expires_at, person, regions)
    = (excluded.role, excluded.token_sha256, excluded.expires_at, excluded.person, excluded.regions)
WHERE clients.revoked_at IS NULL"""


async def admit_person(
    pool: Pool,
    key: bytes,
    *,
    subject: str,
    person: str,
    role: Role,
    regions: Sequence[str],
    now: datetime,
    lasts: timedelta,
) -> str:
    """Make the client of a person, or renew it for a shift, with the role and regions of today; gives its token.

    `subject` is the provider's name of the person, which does not change. On one day it is one token, so that two
    browsers of a person do not end each other's session. Raises CommandRefused when the client was revoked,
    MalformedInput for the bus's own name, StoreUnavailable.
    """
    name = PREFIX + sha256(subject.encode()).hexdigest()[:24]
    token = hmac.digest(key, f"{subject} {now:%Y-%m-%d}".encode(), "sha256").hex()
    person = person_name(person, "person")
    values = (name, role.value, token_hash(token), now + lasts, person, [*regions])
    async with connected(pool) as connection:
        done = await connection.execute(_ADMIT, values)
    if not done.rowcount:
        zh, en = f"客户端 {name} 已被撤销", f"the client {name} was revoked"
        raise CommandRefused("not_allowed", "client", zh, en)
    return token
