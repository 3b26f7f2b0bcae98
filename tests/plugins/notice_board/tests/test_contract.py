"""Both adapters keep the bus's contracts: its suites run on them."""

import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, ClassVar

from board_server import TOKEN, board
from notice_board import BOARD, NOTES

from ticketbus.adapters import Secrets, Source, SourceServices, events
from ticketbus.testing import HttpTargetContract, SourceContract, System

NOTE = {
    "incident_key": {"kind": "serial", "value": "SN-88-0001"},
    "title": "洗衣机不脱水",
    "type": "hardware_fault",
    "region": "华东",
}


class TestBoard(HttpTargetContract):
    adapter = BOARD
    secrets: ClassVar = {"BOARD_TOKEN": TOKEN}
    event = events.NoteAdded(text="李女士 13800001111", changed=())

    def system(self) -> AbstractAsyncContextManager[System]:
        return self._board()

    @asynccontextmanager
    async def _board(self) -> AsyncIterator[System]:
        with board() as server:
            yield server

    def options(self, url: str) -> Mapping[str, Any]:
        return {"url": url, "token": "BOARD_TOKEN"}


class TestNotes(SourceContract):
    parts = tuple(NOTE)

    def adapter(self) -> Source:
        secrets = Secrets(environment={"BOARD_KEY": "key"}, where="sources.board.options")
        notes: Source = NOTES.build(NOTES.options(key="BOARD_KEY"), secrets, SourceServices(name="board"))
        return notes

    def good(self) -> tuple[Mapping[str, str], bytes]:
        body = json.dumps(NOTE).encode()
        mac = hmac.new(b"key", b"note-1." + body, hashlib.sha256).hexdigest()
        return {"note-id": "note-1", "note-mac": mac}, body

    def mutated(self, part: str, value: object) -> bytes:
        return json.dumps(NOTE | {part: value}).encode()
