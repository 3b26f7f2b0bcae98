"""The contract suite for targets on both of U8's interfaces."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from adapters.simulators.u8 import U8Simulator
from adapters.u8 import eai, openapi
from bus.domain.events import NoteAdded, PartsRequested
from bus.domain.values import Part
from tests.adapters.u8_calls import SECRETS
from ticketbus.testing import HttpTargetContract, TargetSystem

ASKED = PartsRequested(request_no="PR-1", parts=(Part(part_no="PUMP-7", quantity=1),), reason="李女士 13800001111")
NOTE = NoteAdded(text="李女士 13800001111", changed=())


@dataclass(frozen=True)
class U8:
    """A U8 and its books, at the address of one interface; `step`: the last of its bills."""

    url: str
    simulated: U8Simulator
    step: str

    def effects(self) -> int:
        return sum(bill.steps[self.step] for bill in self.simulated.books.bills)


class TestU8OpenApi(HttpTargetContract):
    adapter = openapi.ADAPTER
    secrets: ClassVar = {"U8_SECRET": SECRETS["U8_SECRET"]}
    event = ASKED
    foreign = NOTE

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        erp = U8Simulator(stock={"PUMP-7": 100}, queue_s=0)
        async with erp.serving():
            yield U8(erp.url, erp, "audited")

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        return {**U8Simulator(stock={}).openapi_options("U8_SECRET"), "base_url": url}


class TestU8Eai(HttpTargetContract):
    adapter = eai.ADAPTER
    secrets: ClassVar = {"U8_SENDER": SECRETS["U8_SENDER"]}
    event = ASKED
    foreign = NOTE

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        erp = U8Simulator(stock={"PUMP-7": 100})
        async with erp.serving():
            yield U8(erp.eai_url, erp, "made")

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        return {**U8Simulator(stock={}).eai_options("U8_SENDER"), "url": url}
