"""What the simulators of WeCom, DingTalk, WeChat and SMS have in common: a ledger, tokens, faults as switches."""

import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

import orjson

from adapters.simulators.faulty_server import SimulatedRequest, http_answer
from adapters.simulators.faulty_simulator import FaultySimulator, turning
from adapters.simulators.notice_faults import AFTER, STATUSES, WAYS, NoticeFault, faults_of
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.switches import Switches, switch_names

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
class NoticeSimulator(FaultySimulator[NoticeFault]):
    """A way to write to people. `delivered` is its ledger: what reached whom.

    `dropped` has what was swallowed without a word. `now` is a clock in seconds since 1970.
    """

    ways = WAYS
    token_s: ClassVar[int] = 7200
    adapter: ClassVar[str]

    now: Callable[[], float] = time.time
    delivered: list[Delivered] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    traceparents: dict[str, None] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)
    issued: int = 0

    def effects(self) -> int:
        """Count what reached people, repeats included."""
        return len(self.delivered)

    def switchable(self) -> Switches:
        """Give its switches; their state has the ledger's newest lines, and what was swallowed."""

        def state() -> Mapping[str, Any]:
            newest = [{"to": one.to, "content": one.content, "key": one.key} for one in self.delivered[-_SHOWN:]]
            return {"on": self.switched_on, "delivered": newest, "dropped": len(self.dropped), "calls": self.called}

        faults = faults_of(self.adapter)
        return Switches(faults=switch_names(faults), turn=turning(self, faults), heal=self.heal, state=state)

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

    def _arrived(self, request: SimulatedRequest) -> None:
        self.traceparents[request.headers.get("traceparent", "")] = None
        drop_oldest(self.most, self.traceparents, self.dropped)

    def _reply(self, fault: NoticeFault | None, service: str, request: SimulatedRequest) -> bytes:
        if fault is not None and fault not in AFTER and (fault in STATUSES or fault in WAYS):
            return http_answer(*STATUSES[fault]) if fault in STATUSES else b""
        status, query = "200 OK", dict(parse_qsl(urlsplit(request.path).query))
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
