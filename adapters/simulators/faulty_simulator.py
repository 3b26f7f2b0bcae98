"""What simulators of systems that are called have in common: listening, calls that are kept, faults as switches."""

import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Self

from adapters.simulators.fault_switches import FaultSwitches, FaultT
from adapters.simulators.faulty_server import AnswerWay, FaultyServer, SimulatedAnswer, SimulatedRequest
from adapters.simulators.oldest import drop_oldest
from adapters.simulators.switches import Switches, Turn, switch_name


@dataclass(slots=True, kw_only=True)
class FaultySimulator(ABC, Generic[FaultT]):
    """Serves while `serving()` is open and keeps its state between; `calls` lists the services asked, in order.

    It forgets all but the `most` newest calls; `called` counts all of them. `seen` is given each call's service and
    body, and the fault that it meets; `switches` answer at SWITCH_PATH. `ways`: how an answer with a fault is sent.
    """

    ways: ClassVar[Mapping[Any, AnswerWay]]

    now: Callable[[], float] = time.monotonic
    byte_pause_s: float = 0.05
    port: int = 0
    most: int | None = None
    called: int = 0
    calls: list[str] = field(default_factory=list)
    seen: Callable[[str, bytes, str], None] | None = None
    switches: Switches | None = None
    faults: FaultSwitches[FaultT] = field(default_factory=FaultSwitches)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def fail(self, fault: FaultT, *, times: int | None = None, only: Collection[str] = ()) -> None:
        """Fail so at the next `times` calls of the services in `only`; without them, at all calls until `heal`."""
        self.faults.turn_on(fault, times=times, only=only)

    @property
    def switched_on(self) -> list[str]:
        """List the faults that are on, the one that comes first at a call first."""
        return self.faults.names

    def heal(self) -> None:
        """Switch all faults off; who hangs, hangs on."""
        self.faults.turn_off()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Listen, on the same port every time; the state stays."""
        server = FaultyServer(
            answer=self._answered, port=self.port, byte_pause_s=self.byte_pause_s, switches=self.switches
        )
        self._begin()
        async with server.serving():
            self.port = server.port
            yield self

    def _answered(self, request: SimulatedRequest) -> SimulatedAnswer:
        service = self._service(request)
        self.called += 1
        self.calls.append(service)
        drop_oldest(self.most, self.calls)
        self._arrived(request)
        fault = self.faults.next_at(service)
        if self.seen:
            self.seen(service, request.body, switch_name(fault) if fault else "")
        way = self.ways.get(fault, AnswerWay.WHOLE) if fault else AnswerWay.WHOLE
        return SimulatedAnswer(content=self._reply(fault, service, request), way=way)

    def _begin(self) -> None:
        """Forget what does not outlive a restart."""

    @abstractmethod
    def _service(self, request: SimulatedRequest) -> str:
        """Name the service that a request asks."""

    @abstractmethod
    def _arrived(self, request: SimulatedRequest) -> None:
        """Keep of a request what this system is asked about later, before anything is answered."""

    @abstractmethod
    def _reply(self, fault: FaultT | None, service: str, request: SimulatedRequest) -> bytes:
        """Do what is asked, unless the fault comes before it, and give the bytes of the answer."""


def turning(system: FaultySimulator[FaultT], faults: Iterable[FaultT]) -> Callable[[Turn], None]:
    """Give what flips a switch of a simulator by its name."""
    by_name = {switch_name(one): one for one in faults}
    return lambda turn: system.fail(by_name[turn.fault], times=turn.times, only=turn.only)
