"""A target by a map keeps the contract of targets."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

from adapters.mapped_target import target as mapped_http
from bus.domain.events import NoteAdded
from tests.mapped_target import desk
from ticketbus.testing import HttpTargetContract, TargetSystem


class TestMappedTarget(HttpTargetContract):
    adapter = mapped_http.ADAPTER
    secrets: ClassVar = dict(desk.SECRETS)
    event = NoteAdded(text="李女士 13800001111", changed=())

    @asynccontextmanager
    async def _system(self) -> AsyncIterator[TargetSystem]:
        async with desk.serving() as running:
            yield running

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._system()

    def options(self, url: str) -> Mapping[str, Any]:
        return desk.options(url)
