"""The console in front of a gateway whose parts are in memory, and a browser that only keeps cookies."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from bus.intake.dispatch import utc_now
from bus.rules_config import ticket_type_names
from bus.settings import Settings
from console.app import make_console
from console.gateway_api import GatewayApi, in_process
from console.page import ROOT
from console.pages import PAGES
from console.session import Sessions
from tests.console.form import fields_of_form
from tests.gateway.conftest import Gateway
from tests.gateway.fake_alerts import FakeAlertService

HERE = "http://console.test"


@dataclass
class Visitor:
    """Reads pages and sends their forms as a browser would; `later` moves the console's clock.

    `parts`: parts of the gateway that are not those in memory.
    """

    alerts: FakeAlertService = field(default_factory=FakeAlertService)
    later: timedelta = timedelta(0)
    url: str = "http://bus.example:8080"
    parts: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Open the console."""
        self.gateway = Gateway(alerts=self.alerts, **self.parts)
        self.sessions = Sessions([b"a secret that gateways share"])
        api = GatewayApi(in_process(self.gateway.app, self.url), takes_host=not self.url)
        self.app: Starlette = make_console(
            api,
            self.sessions,
            PAGES,
            now=self.now,
            stopping=asyncio.Event(),
            ticket_types=ticket_type_names(Settings()),
        )
        self.http = self.browser()

    def now(self) -> datetime:
        """Give the console's time."""
        return utc_now() + self.later

    def browser(self) -> httpx2.AsyncClient:
        """Open one more browser, without cookies."""
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=self.app), base_url=HERE)

    async def sign_in(self, role: str = "admin", back: str = "") -> httpx2.Response:
        """Sign in with the token of a role."""
        return await self.http.post(f"{ROOT}/sign-in", data={"token": role, "back": back}, headers={"Origin": HERE})

    async def get(self, path: str) -> httpx2.Response:
        """Open a page below /console."""
        return await self.http.get(ROOT + path)

    async def send(self, page: str, to: str, /, **typed: str) -> httpx2.Response:
        """Fill a form of a page and send it; what is hidden in the form goes along."""
        form = fields_of_form((await self.get(page)).text, ROOT + to)
        return await self.http.post(ROOT + to, data={**form, **typed}, headers={"Origin": HERE})


@pytest.fixture
async def visitor() -> AsyncIterator[Visitor]:
    """Give somebody in front of a console whose gateway runs."""
    one = Visitor()
    async with one.gateway.group.running(), one.http:
        yield one
