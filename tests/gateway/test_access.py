"""Who may do what, and what the tokens are kept as."""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bus.domain.commands import OUTSIDE, Assign, OpenTicket
from bus.domain.errors import StoreUnavailable
from bus.gateway.auth.binding import Client
from bus.gateway.auth.client_cache import RELOAD_GAP_S, USE_GAP, ClientCache
from bus.gateway.auth.clients import (
    add_client,
    list_clients,
    load_tokens,
    note_use,
    renew_client,
    revoke_client,
    token_hash,
)
from bus.gateway.auth.roles import GRANTS, Access, Role, allows
from bus.postgres.pool import Pool
from bus.programs.sources import sources
from bus.settings import Settings, SettingsInvalid
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import PERSON, Gateway
from tests.store.conftest import database, pool

ADA = Client(name="ada", role=Role.SRE)
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)

__all__ = ["database", "pool"]


async def test_access_without_a_valid_token_nothing_is_answered(gateway: Gateway) -> None:
    for headers in (
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic admin"},
        {"Authorization": "Bearer"},
    ):
        for path in ("/v1/tickets", "/v1/tickets/T20261122-000001", "/v1/topics", "/v1/journeys/x", "/metrics"):
            answer = await gateway.http.get(path, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
            assert answer.headers["www-authenticate"] == "Bearer"
        answer = await gateway.http.post("/v1/tickets", json=OPENING, headers={**headers, "Idempotency-Key": "k"})
        assert answer.status_code == 401
    assert gateway.store.log == {}
    assert gateway.refused.kept == {}


async def test_access_a_role_may_do_what_the_table_grants_and_no_more(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    answer = await gateway.post(f"/v1/tickets/{ticket}/assign", {"assignee": PERSON}, role="engineer")
    assert (answer.status_code, answer.json()["code"], answer.json()["wanted"]) == (403, "not_allowed", "assign")
    assert (await gateway.post("/v1/tickets", OPENING, role="subscriber")).status_code == 403
    assert (await gateway.get("/metrics", "engineer")).status_code == 403
    assert (await gateway.get("/metrics", "sre")).status_code == 200


def test_access_every_role_reads_and_every_command_has_somebody_beside_the_admin() -> None:
    assert set(GRANTS) == set(Role)
    assert {role for role in Role if not allows(role, Access.READ)} == {
        Role.HOST
    }  # a machine reports, and reads nothing
    assert not allows(Role.SOURCE, Access.STREAM)
    assert not allows(Role.SOURCE, Assign)
    assert allows(Role.SOURCE, OpenTicket)
    others = {command for role, grant in GRANTS.items() if role is not Role.ADMIN for command in grant.commands}
    assert set(OUTSIDE) == others == GRANTS[Role.ADMIN].commands


def test_access_a_webhook_source_may_not_be_called_as_the_bus_itself() -> None:
    secret = "whsec_" + "QUJD" * 12
    for name in ("CRM 上海", "crm%zz", "-crm"):
        with pytest.raises(SettingsInvalid, match=f"{name!r} is no name of a source; use lower case"):
            sources(Settings.model_validate({"webhook_secrets": {name: [secret]}}))
    assert list(sources(Settings.model_validate({"webhook_secrets": {"crm": [secret]}}))) == ["crm"]
    for name in ("bus", "ticketbus", "Bus"):
        with pytest.raises(SettingsInvalid, match="own name"):
            sources(Settings.model_validate({"webhook_secrets": {name: [secret]}}))


class Tokens:
    """A token table that can be away."""

    def __init__(self) -> None:
        self.rows: dict[bytes, Client] = {token_hash("t"): ADA}
        self.away, self.loads = False, 0

    async def __call__(self) -> Mapping[bytes, Client]:
        self.loads += 1
        if self.away:
            raise StoreUnavailable("away for a test")
        return dict(self.rows)


async def test_access_known_tokens_are_known_while_the_store_is_away_and_unknown_ones_cannot_be_judged() -> None:
    tokens, now = Tokens(), [0.0]
    clients = ClientCache(tokens, clock=lambda: now[0])
    tokens.away = True
    with pytest.raises(StoreUnavailable):
        await clients.find("t")
    tokens.away, now[0] = False, 2.0
    assert await clients.find("t") == ADA
    tokens.away, now[0] = True, 4.0
    assert await clients.find("t") == ADA
    with pytest.raises(StoreUnavailable):
        await clients.find("other")


async def test_access_a_new_token_is_found_at_once_and_a_revoked_one_is_gone() -> None:
    tokens, now = Tokens(), [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    clients = ClientCache(tokens, clock=lambda: now[0], sleep=sleep)
    assert await clients.find("new") is None
    tokens.rows[token_hash("new")] = ADA
    assert await clients.find("new") == ADA, "made right after the last load"
    del tokens.rows[token_hash("new")]
    await clients.refresh()
    assert await clients.find("new") is None


async def test_access_guesses_load_no_more_often_than_the_gap_and_at_once_they_share_a_load() -> None:
    tokens, now = Tokens(), [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds
        await asyncio.sleep(0)

    clients = ClientCache(tokens, clock=lambda: now[0], sleep=sleep)
    for n in range(20):
        assert await clients.find(f"guess {n}") is None
    assert tokens.loads <= 1 + now[0] / RELOAD_GAP_S + 1e-6
    before = tokens.loads
    assert await asyncio.gather(*(clients.find(f"other {n}") for n in range(50))) == [None] * 50
    assert tokens.loads <= before + 2


async def test_access_a_token_that_expired_is_refused_also_while_the_store_is_away_and_uses_are_written() -> None:
    tokens, now, clock = Tokens(), [NOON], [0.0]
    tokens.rows[token_hash("t")] = replace(ADA, expires_at=NOON + timedelta(days=1))
    written, refuse = list[Mapping[str, datetime]](), list[Exception]()

    async def note_use(used: Mapping[str, datetime]) -> None:
        if refuse:
            raise refuse.pop()
        written.append(used)
        now[0] += timedelta(seconds=1)  # so that a second write at once would show

    clients = ClientCache(tokens, note_use, now=lambda: now[0], clock=lambda: clock[0])
    assert await clients.find("t")
    assert await clients.find("t")
    await clients.write_uses()
    assert written == [], "not more than once a minute"
    now[0] += USE_GAP
    await clients.write_uses()
    await clients.write_uses()
    assert written == [{"ada": NOON}]
    await clients.find("t")
    now[0] += USE_GAP
    refuse.append(StoreUnavailable("away for a test"))
    await clients.write_uses()
    now[0] += USE_GAP
    await clients.write_uses()
    assert len(written) == 2, "what could not be written is written later"
    tokens.away, now[0] = True, NOON + timedelta(days=1)
    assert await clients.find("t") is None


async def test_access_a_token_may_be_good_for_a_while_after_it_was_renewed(pool: Pool) -> None:
    first = await add_client(pool, "kept", Role.SRE, expires_days=1)
    (end,) = [one.expires_at for one in await list_clients(pool) if one.name == "kept"]
    second = await renew_client(pool, "kept", keep_hours=2)
    assert second
    known = await load_tokens(pool)
    assert known[token_hash(second)].expires_at is None
    until = known[token_hash(first)].expires_at
    assert until
    assert end
    assert timedelta(hours=21) < end - until <= timedelta(hours=22)  # a moment lies between the two commands
    third = await renew_client(pool, "kept", keep_hours=100)
    assert third
    known = await load_tokens(pool)
    assert (token_hash(first) in known, token_hash(second) in known) == (False, True)
    assert await renew_client(pool, "kept")
    assert token_hash(third) not in await load_tokens(pool)
    brief = await add_client(pool, "brief-kept", Role.SRE, expires_days=1)
    await renew_client(pool, "brief-kept", keep_hours=100)
    ends = (await load_tokens(pool))[token_hash(brief)].expires_at
    (made,) = [one.created_at for one in await list_clients(pool) if one.name == "brief-kept"]
    assert ends == made + timedelta(days=1)
    assert await revoke_client(pool, "brief-kept")
    assert token_hash(brief) not in await load_tokens(pool)


async def test_access_a_token_s_end_and_last_use_are_stored(pool: Pool) -> None:
    await add_client(pool, "brief", Role.SRE, expires_days=3)
    await add_client(pool, "lasting", Role.SRE)
    before = {one.name: one for one in await list_clients(pool)}
    end = before["brief"].created_at + timedelta(days=3)
    assert (before["brief"].expires_at, before["lasting"].expires_at) == (end, None)
    assert {one.name: one.expires_at for one in (await load_tokens(pool)).values()}["brief"] == end
    await note_use(pool, {"brief": NOON, "gone": NOON})
    await note_use(pool, {"brief": NOON - timedelta(minutes=1)})
    renewed = await renew_client(pool, "brief")
    assert renewed
    assert [one.name for key, one in (await load_tokens(pool)).items() if key == token_hash(renewed)] == ["brief"]
    assert await renew_client(pool, "nobody") is None
    assert {one.name: one.expires_at for one in await list_clients(pool)}["brief"] is None
    after = {one.name: one.last_used_at for one in await list_clients(pool)}
    assert (after["brief"], after["lasting"]) == (NOON, None)
