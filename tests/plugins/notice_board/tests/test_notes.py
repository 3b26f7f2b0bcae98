"""The board as a source keeps the bus's contract: its suite runs on it."""

import hashlib
import hmac
import json
from collections.abc import Mapping

from notice_board import NOTES

from ticketbus.adapters import EnvironmentSecrets, Source, SourceServices
from ticketbus.testing import SourceContract

NOTE = {
    "incident_key": {"kind": "serial", "value": "SN-88-0001"},
    "title": "洗衣机不脱水",
    "type": "hardware_fault",
    "region": "华东",
}


class TestNotes(SourceContract):
    parts = tuple(NOTE)

    def adapter(self) -> Source:
        secrets = EnvironmentSecrets(environment={"BOARD_KEY": "key"}, where="sources.board.options")
        notes: Source = NOTES.build(NOTES.options(key="BOARD_KEY"), secrets, SourceServices(name="board"))
        return notes

    def good(self) -> tuple[Mapping[str, str], bytes]:
        body = json.dumps(NOTE).encode()
        mac = hmac.new(b"key", b"note-1." + body, hashlib.sha256).hexdigest()
        return {"note-id": "note-1", "note-mac": mac}, body

    def mutated(self, part: str, value: object) -> bytes:
        return json.dumps(NOTE | {part: value}).encode()
