"""An SAP S/4 of a test's own, a target that calls it, and the calls."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from adapters.parts_order import document_number
from adapters.sap.adapter import SapS4
from adapters.sap.wire import BasicLogin, OAuthLogin, SapSettings
from adapters.simulators.sap import OAUTH_PATH, SapSimulator
from bus.delivery.target import Call, Effect
from bus.domain.commands import IssueParts
from bus.intake.dispatch import utc_now
from tests.adapters.test_kingdee import PARTS

SETTLES_S = 120.0


def system(**stock: float) -> SapSimulator:
    """Give a system with plenty of both parts."""
    return SapSimulator(stock={"PUMP-7": 100, "SEAL-1": 100, **stock}, byte_pause_s=0.01)


def basic(erp: SapSimulator) -> BasicLogin:
    """Log in as its user."""
    return BasicLogin(user=erp.account.user, password=erp.account.password)


def oauth(erp: SapSimulator, **own: str) -> OAuthLogin:
    """Log in as its client of OAuth."""
    who = erp.account
    given = {"client_id": who.client_id, "client_secret": who.client_secret, **own}
    return OAuthLogin(token_url=erp.url + OAUTH_PATH, **given)


def settings(erp: SapSimulator, **own: Any) -> SapSettings:
    """Give the settings of a target that calls it."""
    known = {"login": basic(erp), "plant": "1010", "storage_location": "0001", "cost_center": "CC4711"}
    return SapSettings(**{"base_url": erp.url, "client": erp.account.sap_client, **known, **own})


@asynccontextmanager
async def sap(
    erp: SapSimulator, *, settles_s: float = SETTLES_S, now: Callable[[], datetime] = utc_now, **own: Any
) -> AsyncIterator[SapS4]:
    """Call it for the length of a block."""
    target = SapS4(settings(erp, **own), lookup_settles_s=settles_s, now=now)
    try:
        yield target
    finally:
        await target.close()


def reference(asked: Call) -> str:
    """Give the reference of a call's document."""
    return document_number(asked.key, 16)


def issued(number: str = "4900000001") -> Effect:
    """Give what a goods issue gives back."""
    name = f"{number}/2026"
    return Effect(reference=name, commands=(IssueParts(request_no="PR-1", document_no=name, parts=PARTS),))
