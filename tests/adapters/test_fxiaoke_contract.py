"""The contract suite for targets on 纷享销客: a target that makes records, and one that changes them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from adapters.fxiaoke import target
from adapters.simulators.fxiaoke import FxiaokeSimulator
from bus.domain.events import TicketAssigned
from bus.domain.values import Assignee
from tests.adapters.fxiaoke_calls import CREATE, FOLLOW_UP, NOTE, SECRETS, UPDATE, simulated
from ticketbus.testing import HttpTargetContract, TargetContract, TargetSystem


@dataclass(frozen=True)
class Crm:
    """A tenant and its books, and what counts as an effect."""

    simulated: FxiaokeSimulator
    changes: bool

    @property
    def url(self) -> str:
        return self.simulated.url

    def effects(self) -> int:
        """Count the records that were made; of changes the cases that have them, as often as they had them."""
        case, *others = self.simulated.books.records
        assert all(one.object == FOLLOW_UP for one in others)
        return "field_state__c" in case.values if self.changes else len(others)


class FxiaokeContract(TargetContract):
    """What both kinds of writes have in common."""

    adapter = target.ADAPTER
    secrets: ClassVar = SECRETS
    event = NOTE
    write: ClassVar[Mapping[str, Any]]

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        crm = simulated()
        async with crm.serving():
            yield Crm(crm, "update" in self.write)

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        account = {**FxiaokeSimulator().account("FXIAOKE_SECRET", "FXIAOKE_CODE"), "base_url": url}
        return {"account": account, "writes": [self.write]}


class TestFxiaokeCreates(FxiaokeContract, HttpTargetContract):
    foreign = TicketAssigned(assignee=Assignee(person="张伟"), previous_person="", reason="")
    write: ClassVar[Mapping[str, Any]] = {**CREATE, "fields": {"text__c": "join('', [event.text])"}}


class TestFxiaokeUpdates(FxiaokeContract):
    write: ClassVar[Mapping[str, Any]] = UPDATE
