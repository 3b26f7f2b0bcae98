"""The board as a target keeps the bus's contract: its suite runs on it."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

from board_server import TOKEN, board
from notice_board import BOARD

from ticketbus.adapters import events
from ticketbus.testing import HttpTargetContract, TargetSystem


class TestBoard(HttpTargetContract):
    adapter = BOARD
    secrets: ClassVar = {"BOARD_TOKEN": TOKEN}
    event = events.NoteAdded(text="李女士 13800001111", changed=())

    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        return self._board()

    @asynccontextmanager
    async def _board(self) -> AsyncIterator[TargetSystem]:
        with board() as server:  # a real HTTP server on this machine: its url, and effects(), how many pins it has
            yield server

    def options(self, url: str) -> Mapping[str, Any]:
        return {"url": url, "token": "BOARD_TOKEN"}
