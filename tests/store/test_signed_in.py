"""Clients of persons who signed in at a provider, on PostgreSQL."""

from datetime import timedelta
from typing import Any

import pytest

from bus.domain.errors import CommandRefused, MalformedInput
from bus.gateway.auth.binding import Binding
from bus.gateway.auth.clients import load_tokens, revoke_client, token_hash
from bus.gateway.auth.roles import Role
from bus.gateway.auth.signed_in import PREFIX, admit_person
from bus.intake.dispatch import utc_now
from bus.postgres.pool import Pool

NOW = utc_now()


async def admit(pool: Pool, **changes: Any) -> str:
    """Let 李雷 in as an SRE, but for the changes."""
    given: dict[str, Any] = {"subject": "idp u-1", "person": "李雷", "role": Role.SRE, "regions": (), "now": NOW}
    return await admit_person(pool, b"key", lasts=timedelta(hours=8), **(given | changes))


async def test_signed_in_a_person_is_one_client_with_the_role_of_today(pool: Pool) -> None:
    token = await admit(pool)
    client = (await load_tokens(pool))[token_hash(token)]
    assert (client.role, client.binding, client.expires_at) == (
        Role.SRE,
        Binding(bound=True, person="李雷"),
        NOW + timedelta(hours=8),
    )
    assert client.name.startswith(PREFIX)
    assert "u-1" not in client.name
    assert await admit(pool) == token, "a second browser of the same day does not end the first one's session"
    later = await admit(pool, role=Role.DISPATCHER, regions=("east",), now=NOW + timedelta(days=1))
    known = await load_tokens(pool)
    assert token_hash(token) not in known, "what is no more their role has no token"
    moved = known[token_hash(later)]
    assert (moved.name, moved.role, moved.binding.regions) == (client.name, Role.DISPATCHER, ("east",))
    other = await admit(pool, subject="idp u-2")
    assert (await load_tokens(pool))[token_hash(other)].name != client.name


async def test_signed_in_a_revoked_person_and_the_bus_s_own_name_are_refused(pool: Pool) -> None:
    token = await admit(pool, subject="idp u-3")
    name = (await load_tokens(pool))[token_hash(token)].name
    assert await revoke_client(pool, name)
    with pytest.raises(CommandRefused):
        await admit(pool, subject="idp u-3")
    with pytest.raises(MalformedInput):
        await admit(pool, subject="idp u-4", person="ticketbus")
