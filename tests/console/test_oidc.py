"""Signing in at a company's provider: groups become roles, and what the provider did not say lets nobody in."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc.jwk import RSAKey

from bus.config_file import ConfigFileInvalid
from bus.domain.errors import CommandRefused
from bus.gateway.auth.binding import Binding, Client
from bus.gateway.auth.roles import Role
from console.app import make_console
from console.gateway_api import GatewayApi, in_process
from console.oidc import OidcSignIn, ProviderPerson
from console.oidc_config import OidcConfig, load_oidc_config
from console.page import ROOT
from console.pages import PAGES
from console.security import COOKIE
from tests.console.conftest import HERE, Visitor
from tests.console.provider import CLIENT, SECRET, Provider, provider

LI = {"sub": "u-1", "preferred_username": "李雷", "groups": ["everybody", "ops-sre"]}
GROUPS: Mapping[str, Any] = {"ops-sre": {"role": "sre"}, "dispatch-east": {"role": "dispatcher", "regions": ["east"]}}


@dataclass
class Company(Visitor):
    """A visitor whose console knows a provider; `admitted` are the persons that the gateway was told of."""

    provider: Provider = field(default_factory=lambda: Provider("", ""))
    admitted: list[ProviderPerson] = field(default_factory=list)

    def with_provider(self) -> "Company":
        """Open the console anew, with the provider."""
        config = OidcConfig.model_validate(
            {
                "issuer": self.provider.issuer,
                "url": f"{HERE.replace('http:', 'https:')}{ROOT}",
                "client_id": CLIENT,
                "client_secret": "OIDC_SECRET",
                "groups": GROUPS,
            }
        )
        api = GatewayApi(in_process(self.gateway.app))
        self.app = make_console(
            api,
            self.sessions,
            PAGES,
            now=self.now,
            stopping=asyncio.Event(),
            provider=lambda sign_in: OidcSignIn(sign_in, config, SECRET, self.admit),
        )
        self.http = self.browser()
        return self

    async def admit(self, person: ProviderPerson) -> str:
        """Let a person in, as the gateway does."""
        if person.subject == "u-revoked":
            raise CommandRefused("not_allowed", "client", "已撤销", "revoked")
        self.admitted.append(person)
        binding = Binding(bound=True, person=person.name, regions=person.grant.regions)
        token = f"token-of-{person.subject}"
        self.gateway.clients.known[token] = Client(name="oidc-1", role=Role(person.grant.role), binding=binding)
        return token

    async def sign_in_there(self, **changes: str) -> httpx2.Response:
        """Go to the provider and back, as a browser is sent; `changes` are other values of the way back."""
        left = await self.http.get(f"{ROOT}/oidc", params={"back": f"{ROOT}/alerts"})
        async with httpx2.AsyncClient(trust_env=False) as outside:
            sent_back = (await outside.get(left.headers["location"])).headers["location"]
        query = {name: values[0] for name, values in parse_qs(urlsplit(sent_back).query).items()} | changes
        return await self.http.get(f"{ROOT}/oidc/back", params=query)


@pytest.fixture
async def company() -> AsyncIterator[Company]:
    """Give a visitor whose company has a provider."""
    async with provider(f"{HERE.replace('http:', 'https:')}{ROOT}/oidc/back") as running:
        running.claims = dict(LI)
        one = Company(provider=running).with_provider()
        async with one.gateway.group.running(), one.http:
            yield one


async def test_oidc_a_person_signs_in_as_what_their_group_is(company: Company) -> None:
    assert "用公司账号登录" in (await company.get("/sign-in")).text
    back = await company.sign_in_there()
    assert back.status_code == 200, "a page: a redirect from elsewhere is sent without the Strict cookie"
    assert f'content="0; url={ROOT}/alerts"' in back.text
    assert "李雷 · sre" in (await company.get("/alerts")).text
    (person,) = company.admitted
    assert (person.subject, person.name, person.grant.role) == ("u-1", "李雷", "sre")
    acked = await company.send("/alerts/1", "/alerts/1/ack", why="我在看")
    assert acked.status_code == 303
    assert company.alerts.alerts[1].acked_by == "李雷"


async def test_oidc_regions_of_a_group_are_the_person_s(company: Company) -> None:
    company.provider.claims["groups"] = ["dispatch-east"]
    await company.sign_in_there()
    assert company.admitted[0].grant.regions == ("east",)


@pytest.mark.parametrize(
    "changes",
    [
        {"groups": ["everybody"]},
        {"groups": "ops-sre"},
        {"groups": None},
        {"nonce": "another"},
        {"aud": "another-client"},
        {"iss": "https://elsewhere.example"},
        {"exp": 1_700_000_000},
        {"sub": "u-revoked"},
        {"sub": None, "preferred_username": None},
    ],
)
async def test_oidc_what_the_token_must_say_and_does_not_lets_nobody_in(
    company: Company, changes: dict[str, Any]
) -> None:
    company.provider.changes = changes
    refused = await company.sign_in_there()
    assert (refused.status_code, COOKIE in company.http.cookies, company.admitted) == (403, False, [])
    assert "公司账号未能登录" in refused.text


async def test_oidc_a_token_of_another_key_lets_nobody_in(company: Company) -> None:
    company.provider.signs_with = RSAKey.generate_key(2048, {"kid": "one"})
    assert (await company.sign_in_there()).status_code == 403


@pytest.mark.parametrize("changes", [{"state": "another"}, {"code": "guessed"}])
async def test_oidc_an_answer_that_was_not_asked_for_lets_nobody_in(company: Company, changes: dict[str, str]) -> None:
    assert (await company.sign_in_there(**changes)).status_code == 403
    assert COOKIE not in company.http.cookies


async def test_oidc_another_browser_s_answer_lets_nobody_in(company: Company) -> None:
    left = await company.http.get(f"{ROOT}/oidc")
    async with httpx2.AsyncClient(trust_env=False) as outside, company.browser() as victim:
        sent_back = (await outside.get(left.headers["location"])).headers["location"]
        assert (await victim.get(f"{ROOT}/oidc/back?{urlsplit(sent_back).query}")).status_code == 403
        assert (await victim.get(f"{ROOT}/oidc/back?state=&code=x")).status_code == 403


async def test_oidc_a_provider_that_is_away_is_said(company: Company) -> None:
    company.provider.issuer = "http://127.0.0.1:9"
    company.with_provider()
    away = await company.http.get(f"{ROOT}/oidc")
    assert (away.status_code, "暂时无法核对" in away.text) == (503, True)


async def test_oidc_a_sign_in_is_over_with_its_shift(company: Company) -> None:
    await company.sign_in_there()
    company.later = timedelta(hours=9)
    assert (await company.get("/now")).status_code == 303


def test_oidc_a_mistake_in_the_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "oidc.yaml"
    path.write_text(
        "issuer: http://idp.example\nurl: https://bus.example/console\nclient_id: c\nclient_secret: hunter2\n"
        "groups: {ops: {role: root}}\n"
    )
    with pytest.raises(ConfigFileInvalid) as caught:
        load_oidc_config(path)
    said = str(caught.value)
    for place in ("issuer", "client_secret", "groups.ops.role"):
        assert place in said
    assert "hunter2" not in said
