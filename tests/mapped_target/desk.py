"""An invented help desk that takes notes on cases: tokens of OAuth, notes that repeat when asked twice, bad habits."""

import asyncio
import base64
import re
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import orjson

from adapters.contract_suites.faulty_ways import TRICKLE_S, http_response, listening, read_message

CLIENT_ID, CLIENT_SECRET = "ticketbus", "a-client-secret-of-the-desk"
TOKEN_PATH, NOTES_PATH, ISSUES_PATH = "/oauth/token", "/api/notes", "/api/issues"
_NOTE = re.compile(r"/api/cases/([^/]+)/notes")
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
OTHERS_KEY = "another-call"


class DeskFault(StrEnum):
    """What the desk can do wrong; after `EFFECT_FIRST` in a name it takes the note first."""

    ERROR = "500"
    BUSY = "503"
    THROTTLED = "429 with Retry-After"
    SAYS_BUSY = "200, code 4290 in the body"
    LOST_TOKEN = "401"
    REFUSED = "422"
    FAILED = "200 that tells of a failure"
    REDIRECT = "307"
    PAGE = "200 with a page"
    OTHERS_ANSWER = "200 that answers another call"
    EMPTY = "200 and nothing"
    HANG = "no answer"
    RESET = "connection reset"
    EFFECT_FIRST_ERROR = "500 after the effect"
    EFFECT_FIRST_HANG = "no answer after the effect"
    EFFECT_FIRST_RESET = "reset after the effect"
    EFFECT_FIRST_HALF = "half an answer after the effect"
    EFFECT_FIRST_TWICE = "two answers"
    EFFECT_FIRST_LONG = "10 MB after the effect"
    EFFECT_FIRST_SLOW = "bytes without end after the effect"
    EFFECT_FIRST_GBK = "an answer in GBK that says nothing of it"


@dataclass(slots=True, kw_only=True)
class Desk:
    """`notes` are what took effect, in order; `issues` by their keys, each once.

    `fault` is shown at the paths that begin with `at`, `times` times.

    `fault_of`: gives the fault of each call to `/api/`, in place of that. `shows_after_s`: its search shows a note so
    long after it was made.
    """

    url: str = ""
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    issues: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    tokens: int = 0
    calls: list[str] = field(default_factory=list)
    heads: list[Mapping[str, str]] = field(default_factory=list)
    fault: DeskFault | None = None
    at: str = "/api/"
    times: int = 1
    fault_of: Callable[[], DeskFault | None] | None = None
    shows_after_s: float = 0.0
    made_at: dict[str, float] = field(default_factory=dict)
    tokens_in_force: set[str] = field(default_factory=set)

    def effects(self) -> int:
        """Count the notes, repeats included."""
        return len(self.notes)

    def fail(self, fault: DeskFault, *, at: str = "POST /api/", times: int = 1) -> None:
        """Show a fault at the next calls whose line begins so."""
        self.fault, self.at, self.times = fault, at, times

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request of a connection."""
        head, _, body = (await read_message(reader)).partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        method, target, _ = first.split(" ")
        self.calls.append(f"{method} {target}")
        self.heads.append(headers)
        fault = self._next_fault(f"{method} {target}")
        if fault is None or fault.name.startswith("EFFECT_FIRST"):
            status, answer = self._answer(method, target, headers, body)
        else:
            status, answer = 200, {}
        await self._send(fault, status, answer, reader, writer)

    def _next_fault(self, line: str) -> DeskFault | None:
        if self.fault_of is not None:
            return self.fault_of() if "/api/" in line else None
        if self.fault is None or not line.startswith(self.at) or not self.times:
            return None
        self.times -= 1
        return self.fault

    def _answer(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        url = urlsplit(target)
        if url.path == TOKEN_PATH:
            return self._issue(headers, body)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens_in_force:
            return 401, {"code": 4010, "message": "令牌无效"}
        if method == "GET" and url.path == NOTES_PATH:
            found = self._noted(parse_qs(url.query).get("ref", [""])[0])
            return 200, {"code": 0, "total": len(found), "items": found}
        if method == "POST" and (case := _NOTE.fullmatch(url.path)):
            self.notes.append({"id": f"N-{len(self.notes) + 1}", "case": unquote(case[1]), **orjson.loads(body)})
            self.made_at[self.notes[-1]["id"]] = time.monotonic()
            return 201, {"code": 0, "data": self.notes[-1]}
        if method == "POST" and url.path == ISSUES_PATH:
            given = {"site": headers.get("x-site"), **orjson.loads(body)}
            issue = self.issues.setdefault(headers["idempotency-key"], given)
            issued = {"state": "issued"} if given["lines"] else {"state": "refused", "why": "没有备件"}
            return 200, {"code": 0, "data": {"no": list(self.issues.values()).index(issue) + 1, **issued}}
        return 404, {"code": 4040, "message": "no such path"}

    def _noted(self, ref: str) -> Sequence[Mapping[str, Any]]:
        until = time.monotonic() - self.shows_after_s
        return [note for note in self.notes if note.get("ref") == ref and self.made_at[note["id"]] <= until]

    def _issue(self, headers: Mapping[str, str], body: bytes) -> tuple[int, Any]:
        login = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        form = parse_qs(body.decode())
        if headers.get("authorization") != f"Basic {login}" or form.get("grant_type") != ["client_credentials"]:
            return 400, {"error": "invalid_client"}
        self.tokens += 1
        self.tokens_in_force.add(f"token-{self.tokens}")
        return 200, {"access_token": f"token-{self.tokens}", "token_type": "Bearer", "expires_in": 3600}

    async def _send(
        self,
        fault: DeskFault | None,
        status: int,
        answer: Any,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        whole = http_response(status, orjson.dumps(answer), content_type="application/json")
        match fault:
            case DeskFault.HANG | DeskFault.EFFECT_FIRST_HANG:
                await reader.read()
            case DeskFault.RESET | DeskFault.EFFECT_FIRST_RESET:
                sock: socket.socket = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            case DeskFault.EFFECT_FIRST_HALF:
                writer.write(whole[:-4])
            case DeskFault.EFFECT_FIRST_TWICE:
                writer.write(whole * 2)
            case DeskFault.EFFECT_FIRST_LONG:
                writer.write(http_response(status, b'{"code":0,"pad":"' + b"x" * 10_000_000 + b'"}'))
                await writer.drain()
            case DeskFault.EFFECT_FIRST_SLOW:
                writer.write(b"HTTP/1.1 201 Created\r\ncontent-type: application/json\r\n\r\n")
                while True:
                    writer.write(b" ")
                    await writer.drain()
                    await asyncio.sleep(TRICKLE_S)
            case DeskFault.EFFECT_FIRST_GBK:
                text = orjson.dumps(answer | {"message": "成功"}).decode().encode("gbk")
                writer.write(http_response(status, text, content_type="application/json"))
            case None:
                writer.write(whole)
            case _:
                writer.write(_FAULTS[fault])


def _json(status: int, body: Any, **headers: str) -> bytes:
    return http_response(status, orjson.dumps(body), content_type="application/json", **headers)


_OTHERS = {"id": "N-99", "ref": OTHERS_KEY}
_FAULTS: Mapping[DeskFault, bytes] = {
    DeskFault.ERROR: _json(500, {"code": 5000}),
    DeskFault.EFFECT_FIRST_ERROR: _json(500, {"code": 5000}),
    DeskFault.BUSY: _json(503, {}, retry_after="7"),
    DeskFault.THROTTLED: _json(429, {}, retry_after="7"),
    DeskFault.SAYS_BUSY: _json(200, {"code": 4290, "message": "请求过于频繁"}, retry_after="7"),
    DeskFault.LOST_TOKEN: _json(401, {"code": 4010, "message": "令牌无效"}),
    DeskFault.REFUSED: _json(422, {"code": 4220, "message": "字段 text 过长"}),
    DeskFault.FAILED: _json(200, {"code": 4221, "message": "工单已归档"}),
    DeskFault.REDIRECT: _json(307, {}, location="http://127.0.0.1:9/elsewhere"),
    DeskFault.PAGE: http_response(200, b"<html>login</html>", content_type="text/html"),
    DeskFault.OTHERS_ANSWER: _json(200, {"code": 0, "data": _OTHERS, "total": 1, "items": [_OTHERS]}),
    DeskFault.EMPTY: http_response(200),
}


@asynccontextmanager
async def serving(desk: Desk | None = None) -> AsyncIterator[Desk]:
    """Run a desk on this machine."""
    desk = desk or Desk()
    async with listening(desk.serve) as address:
        desk.url = f"http://{address}"
        yield desk


def options(url: str, **more: Any) -> dict[str, Any]:
    """Give a map of it: OAuth, and a note asked for by its `ref` before it is repeated."""
    return {
        "url": url,
        "private_addresses": True,
        "proof": {
            "kind": "oauth-client-credentials",
            "token_url": f"{url}{TOKEN_PATH}",
            "client_id": CLIENT_ID,
            "client_secret": "DESK_SECRET",
        },
        "success": "answer.code == `0`",
        "failures": [{"when": "answer.code == `4290`", "kind": "throttled"}],
        "requests": [
            {
                "events": ["NoteAdded"],
                "path": "/api/cases/{ticket.source_no}/notes",
                "json": {"ref": "key", "text": "event.text", "visible": {"value": False}},
                "success": {"status": 201, "when": "answer.code == `0` && answer.data.ref == key"},
                "reference": "answer.data.id",
                "confirm": {
                    "path": f"{NOTES_PATH}?ref={{key}}",
                    "found": "answer.code == `0` && contains(answer.items[].ref, key)",
                    "not_found": "answer.code == `0` && answer.total == `0`",
                    "reference": "answer.items[0].id",
                },
            }
        ],
        **more,
    }


SECRETS: Mapping[str, str] = {"DESK_SECRET": CLIENT_SECRET}
