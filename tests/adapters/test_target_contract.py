"""The contract suite for targets, as other packages run it, on the CRM callback, on Kingdee and on SAP S/4."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from adapters.crm import callback
from adapters.erp import kingdee
from adapters.sap import adapter as sap
from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.sap import SapSimulator
from bus.domain.events import NoteAdded, PartsRequested
from bus.domain.values import Part
from ticketbus.testing import HttpTargetContract, TargetSystem

SIGNING = "whsec_" + "QUJD" * 12
NOTE = NoteAdded(text="李女士 13800001111", changed=())


@dataclass(frozen=True)
class Crm:
    """A CRM and what it has taken."""

    receiver: CallbackReceiver

    @property
    def url(self) -> str:
        return self.receiver.url

    def effects(self) -> int:
        return len(self.receiver.ledger.effects)


@dataclass(frozen=True)
class Erp:
    """A Kingdee and its books."""

    stand_in: KingdeeSimulator

    @property
    def url(self) -> str:
        return self.stand_in.url

    def effects(self) -> int:
        return sum(bill.steps["audited"] for bill in self.stand_in.books.bills)


@dataclass(frozen=True)
class Sap:
    """An SAP S/4 and its books."""

    simulator: SapSimulator

    @property
    def url(self) -> str:
        return self.simulator.url

    def effects(self) -> int:
        return len(self.simulator.books.documents)


class CrmContract(HttpTargetContract):
    """The suite on a CRM callback; run where a class named Test… inherits it."""

    adapter = callback.ADAPTER
    secrets: ClassVar = {"CRM_SECRET": SIGNING}
    event = NOTE

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        async with CallbackReceiver(SIGNING) as receiver:
            yield Crm(receiver)

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        return {"url": url, "secrets": ["CRM_SECRET"]}


class TestCrmCallback(CrmContract):
    """On the adapter as it is."""


class TestKingdee(HttpTargetContract):
    adapter = kingdee.ADAPTER
    secrets: ClassVar = {"ERP_SECRET": KingdeeSimulator(stock={}).account.app_secret}
    event = PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=1),), reason="李女士 13800001111")
    foreign = NOTE

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        stand_in = KingdeeSimulator(stock={"PUMP-7": 100})
        async with stand_in.serving():
            yield Erp(stand_in)

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        who = KingdeeSimulator(stock={}).account
        account = {"acct_id": who.acct_id, "user": who.user, "app_id": who.app_id, "app_secret": "ERP_SECRET"}
        return {"base_url": url, "org": "100", "stock": "CK001", **account}


class TestSap(HttpTargetContract):
    adapter = sap.ADAPTER
    secrets: ClassVar = {"ERP_SECRET": SapSimulator(stock={}).account.password}
    event = TestKingdee.event
    foreign = NOTE

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        simulator = SapSimulator(stock={"PUMP-7": 100})
        async with simulator.serving():
            yield Sap(simulator)

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        return {**SapSimulator(stock={}).target_options("ERP_SECRET"), "base_url": url}
