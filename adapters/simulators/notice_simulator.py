"""What the simulators of WeCom, DingTalk, WeChat and SMS have in common: listening, a ledger, faults as switches."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self
from urllib.parse import parse_qsl, urlsplit

import orjson

from adapters.simulators.fault_switches import FaultSwitches
from adapters.simulators.faulty_server import (
    AnswerWay,
    FaultyServer,
    SimulatedAnswer,
    SimulatedRequest,
    http_answer,
)
from adapters.simulators.notice_faults import AFTER, STATUSES, WAYS, NoticeFault
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.switches import Switches, switch_name, switch_names

_SHOWN = 20
_LONG = b" " * 10_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message that reached one person: the words as they came, and the caller's own key where there is one."""

    to: str
    content: Any
    key: str = ""


class VendorSays(Exception):
    """A refusal of the vendor's: the answer's body, and its status."""

    def __init__(self, content: Mapping[str, Any], status: str = "200 OK") -> None:
        super().__init__(str(content))
        self.content, self.status = content, status


@dataclass(slots=True, kw_only=True)
class NoticeSimulator(ABC):
    """Serves while `serving()` is open and keeps its ledger between; `calls` lists the services asked, in order.

    `delivered` is the ledger: what reached whom. `dropped` counts what was swallowed without a word. `now` is a clock
    in seconds. It forgets all but the `most` newest.
    """

    token_s: ClassVar[int] = 7200

    now: Callable[[], float] = time.time
    port: int = 0
    byte_pause_s: float = 0.05
    most: int | None = None
    called: int = 0
    calls: list[str] = field(default_factory=list)
    delivered: list[Delivered] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    traceparents: dict[str, None] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    issued: int = 0
    seen: Callable[[str, bytes, str], None] | None = None
    faults: FaultSwitches[NoticeFault] = field(default_factory=FaultSwitches)
    switches: Switches | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def effects(self) -> int:
        """Count what reached people, repeats included."""
        return len(self.delivered)

    def fail(self, fault: NoticeFault, *, times: int | None = None, only: Collection[str] = ()) -> None:
        """Fail so at the next `times` calls of the services in `only`; without them, at all calls until `heal`."""
        self.faults.turn_on(fault, times=times, only=only)

    def heal(self) -> None:
        """Switch all faults off; who hangs, hangs on."""
        self.faults.turn_off()

    def switchable(self) -> Switches:
        """Give its switches; their state has the ledger's newest lines, and what was swallowed."""

        def state() -> Mapping[str, Any]:
            newest = [{"to": one.to, "content": one.content, "key": one.key} for one in self.delivered[-_SHOWN:]]
            return {"on": self.faults.names, "delivered": newest, "dropped": len(self.dropped), "calls": self.called}

        by_name = {switch_name(one): one for one in NoticeFault}
        return Switches(
            faults=switch_names(NoticeFault),
            turn=lambda turn: self.fail(by_name[turn.fault], times=turn.times, only=turn.only),
            heal=self.heal,
            state=state,
        )

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen, on the same port every time; the ledger stays."""
        server = FaultyServer(
            answer=self._answered, port=self.port, byte_pause_s=self.byte_pause_s, switches=self.switches
        )
        async with server.serving():
            self.port = server.port
            yield self

    def reach(self, to: str, content: Any, key: str = "") -> None:
        """Write into the ledger that a message reached a person."""
        self.delivered.append(Delivered(to=to, content=content, key=key))
        drop_oldest(self.most, self.delivered)

    def new_token(self) -> str:
        """Give the token that is in force, or a new one; as the vendors do, it is the same until it ends."""
        for token, until in self.tokens.items():
            if until > self.now():
                return token
        self.issued += 1
        token = f"token-{self.issued}-of-{type(self).__name__}"
        self.tokens[token] = self.now() + self.token_s
        return token

    def token_good(self, token: str) -> bool:
        """Say whether a token is in force."""
        return self.tokens.get(token, 0.0) > self.now()

    def _answered(self, request: SimulatedRequest) -> SimulatedAnswer:
        path = urlsplit(request.path)
        service = self.service_of(request)
        self.called += 1
        self.calls.append(service)
        self.traceparents[request.headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.calls, self.traceparents, self.dropped)
        fault = self.faults.next_at(service)
        if self.seen:
            self.seen(service, request.body, switch_name(fault) if fault else "")
        way = WAYS.get(fault, AnswerWay.WHOLE) if fault else AnswerWay.WHOLE
        return SimulatedAnswer(content=self._reply(fault, service, dict(parse_qsl(path.query)), request), way=way)

    def _reply(
        self, fault: NoticeFault | None, service: str, query: Mapping[str, str], request: SimulatedRequest
    ) -> bytes:
        if fault is not None and fault not in AFTER and (fault in STATUSES or fault in WAYS):
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        status = "200 OK"
        try:
            content = self.do(service, query, request, None if fault in AFTER else fault)
        except VendorSays as says:
            content, status = says.content, says.status
        except (ValueError, KeyError, TypeError, AttributeError):
            content = self.malformed()
        if fault is not None and fault in STATUSES:
            return http_answer(*STATUSES[fault])
        body = orjson.dumps(content)
        if fault is NoticeFault.GBK:
            body = orjson.dumps({**content, "note": "已发送"}).decode().encode("gbk")
        return http_answer(status, (_LONG if fault is NoticeFault.LONG else b"") + body)

    @abstractmethod
    def service_of(self, request: SimulatedRequest) -> str:
        """Name the service that a request asks."""

    @abstractmethod
    def do(
        self, service: str, query: Mapping[str, str], request: SimulatedRequest, fault: NoticeFault | None
    ) -> Mapping[str, Any]:
        """Do what is asked and give the answer's body; `fault`: what the vendor itself is to say. Raises VendorSays."""

    @abstractmethod
    def malformed(self) -> Mapping[str, Any]:
        """Give the answer to what cannot be read."""

    @abstractmethod
    def target_options(self, notices: str) -> Mapping[str, Any]:
        """Give the options of a target, with the notices file there."""

    @property
    @abstractmethod
    def variables(self) -> Mapping[str, str]:
        """Give the variables that hold its secrets."""


def first_of(fault: NoticeFault | None, answers: Mapping[NoticeFault, Mapping[str, Any]]) -> None:
    """Raise what the vendor says for a fault that is on, if it has words for it."""
    if fault is not None and fault in answers:
        raise VendorSays(answers[fault])


def says(code: int, words: str, **more: Any) -> Mapping[str, Any]:
    """Write an answer of WeCom, DingTalk or WeChat."""
    return {"errcode": code, "errmsg": words, **more}
