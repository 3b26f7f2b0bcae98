"""Programs of the bus with a fault in them: run in place of `python -m bus`, armed by variables of the environment.

TICKETBUS_FAULT names faults, separated by commas: at its N-th pass of a step the process sends itself SIGKILL with
`kill:STEP:N`, SIGSTOP with `stop:STEP:N`. TICKETBUS_CLOCK names a file with the seconds that the wall clock is off by.
"""

import functools
import os
import signal
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bus.delivery.queue
import bus.intake.dispatch
import bus.outbox.relay
import deadletter.redrive_store
from adapters.erp.kingdee import Kingdee
from bus.cli import main
from bus.delivery.attempt import AttemptRunner
from bus.intake.dispatch import Dispatcher
from bus.outbox.relay import Relay
from bus.postgres.pool import Connection
from bus.postgres.store import PostgresTransaction
from bus.process.timer import ProcessTimer
from bus.stage.handler import Handler
from bus.stage.runner import Runner
from bus.wire.record import Record
from deadletter.redrive_policy import Release
from tests.bus_under_test import Bus

FAULT, CLOCK = "TICKETBUS_FAULT", "TICKETBUS_CLOCK"
# Steps of the stages; `STEP@HANDLER` counts the passes of one handler alone.
BEFORE_EFFECTS = "stage.before-effects"  # in the transaction, offsets locked, nothing written yet
BEFORE_COMMIT = "stage.before-commit"  # effects and offsets written, not committed
AFTER_COMMIT = "stage.after-commit"  # committed in PostgreSQL, not yet to Kafka's consumer group
STAGE_STEPS = (BEFORE_EFFECTS, BEFORE_COMMIT, AFTER_COMMIT)
# Steps of the relay, in gateway and worker.
RELAY_BEFORE_MARK = "relay.before-mark"  # acknowledged by Kafka, not marked
RELAY_BEFORE_COMMIT = "relay.before-commit"  # marked, not committed
RELAY_STEPS = (RELAY_BEFORE_MARK, RELAY_BEFORE_COMMIT)
# Steps of each dispatch: of the gateway's group commit, the intake stage, the SLA timer, an import.
DISPATCH_BEFORE = "dispatch.before"
DISPATCH_BEFORE_COMMIT = "dispatch.before-commit"  # appended, not committed
DISPATCH_AFTER_COMMIT = "dispatch.after-commit"  # true, nobody was answered
DISPATCH_STEPS = (DISPATCH_BEFORE, DISPATCH_BEFORE_COMMIT, DISPATCH_AFTER_COMMIT)
# Steps of the SLA timer.
SLA_AFTER_CLAIM = "sla.after-claim"
SLA_AFTER_DISPATCH = "sla.after-dispatch"
SLA_STEPS = (SLA_AFTER_CLAIM, SLA_AFTER_DISPATCH)
# Steps of a courier; `STEP@TARGET` counts the passes of one target alone.
DELIVERY_BEFORE_CALL = "delivery.before-call"  # claimed, nothing sent
DELIVERY_AFTER_CALL = "delivery.after-call"  # the target has answered, nothing is settled
DELIVERY_BEFORE_COMMIT = "delivery.before-commit"  # settled, not committed
DELIVERY_STEPS = (DELIVERY_BEFORE_CALL, DELIVERY_AFTER_CALL, DELIVERY_BEFORE_COMMIT)
ERP_WITHIN_CALL = "delivery.within-call"  # the ERP has saved, submitted or audited a bill, and the call goes on
# Steps of a redrive.
REDRIVE_BEFORE_COMMIT = "redrive.before-commit"  # letters are let go, not committed
REDRIVE_AFTER_COMMIT = "redrive.after-commit"  # they are on their way
REDRIVE_STEPS = (REDRIVE_BEFORE_COMMIT, REDRIVE_AFTER_COMMIT)
STEPS = (*STAGE_STEPS, *RELAY_STEPS, *DISPATCH_STEPS, *SLA_STEPS, *DELIVERY_STEPS, ERP_WITHIN_CALL, *REDRIVE_STEPS)
HOWS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}


def armed(bus: Bus, *faults: str, clock: Path | None = None) -> Bus:
    """Give the same bus, whose programs start with these faults in them and with their clock off by what the file says.

    Raises AssertionError for a fault that there is not.
    """
    for fault in faults:
        parse(fault)
    faulty = {FAULT: ",".join(faults), CLOCK: str(clock or "")}
    return replace(bus, module=__name__, environment={**bus.environment, **faulty}, processes=bus.processes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A signal that a process sends itself at the n-th pass of a step."""

    how: signal.Signals
    step: str
    nth: int


def parse(text: str) -> Fault:
    """Read `kill:STEP:N`. Raises AssertionError for what is none."""
    how, step, nth = text.split(":")
    assert step.split("@")[0] in STEPS, f"there is no step {step!r}; there are {STEPS}"
    return Fault(how=HOWS[how], step=step, nth=int(nth))


class Trap:
    """Counts the passes of each step and springs where it is armed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        self._faults, self._passes = faults, Counter[str]()

    def passed(self, step: str, handler: str = "") -> None:
        """Count a pass of a step; a fault armed here strikes now, before anything else runs."""
        for name in {step, f"{step}@{handler}"}:
            self._passes[name] += 1
            for fault in self._faults:
                if (fault.step, fault.nth) == (name, self._passes[name]):
                    os.write(2, f"fault: {fault.how.name} at pass {fault.nth} of {name}\n".encode())
                    os.kill(os.getpid(), fault.how)


@dataclass(frozen=True, slots=True)
class _Trapped:
    """A handler with a step before it begins."""

    handler: Handler
    trap: Trap

    @property
    def name(self) -> str:
        return self.handler.name

    async def handle(self, connection: Connection, records: Sequence[Record]) -> None:
        self.trap.passed(BEFORE_EFFECTS, self.name)
        await self.handler.handle(connection, records)


def set_traps(trap: Trap) -> None:
    """Wrap the product's methods so that each pass of a step is counted."""
    _trap_stages(trap)
    _trap_around(Relay, "_send", trap, after=RELAY_BEFORE_MARK)
    _trap_around(bus.outbox.relay, "_mark", trap, after=RELAY_BEFORE_COMMIT)
    _trap_around(Dispatcher, "dispatch", trap, before=DISPATCH_BEFORE, after=DISPATCH_AFTER_COMMIT)
    _trap_around(PostgresTransaction, "append", trap, after=DISPATCH_BEFORE_COMMIT)
    _trap_deliveries(trap)
    _trap_around(Kingdee, "_advance", trap, after=ERP_WITHIN_CALL)
    _trap_redrives(trap)
    fire = ProcessTimer.fire

    async def trapped(self: ProcessTimer, now: datetime) -> int:
        async def dispatch(requests: Sequence[Any]) -> Sequence[Any]:
            trap.passed(SLA_AFTER_CLAIM)
            outcomes = await self.dispatch(requests)
            trap.passed(SLA_AFTER_DISPATCH)
            return outcomes

        return await fire(replace(self, dispatch=dispatch), now)

    _put(ProcessTimer, "fire", trapped)


def _trap_redrives(trap: Trap) -> None:
    take_step = deadletter.redrive_store.step

    async def stepped(*given: Any) -> Any:
        step = await take_step(*given)
        if isinstance(step, Release):
            trap.passed(REDRIVE_AFTER_COMMIT)
        return step

    _trap_around(deadletter.redrive_store, "send_again", trap, after=REDRIVE_BEFORE_COMMIT)
    _put(deadletter.redrive_store, "step", stepped)


def _trap_stages(trap: Trap) -> None:
    together, move = Runner._apply_together, Runner._move

    async def apply_together(self: Runner, handler: Handler, spans: Sequence[Any]) -> set[int]:
        behind = await together(self, _Trapped(handler, trap), spans)
        if len(behind) < len(spans):
            trap.passed(AFTER_COMMIT, handler.name)
        return behind

    async def moved(self: Runner, connection: Connection, handler: Handler, *rest: Any) -> None:
        await move(self, connection, handler, *rest)
        trap.passed(BEFORE_COMMIT, handler.name)

    _put(Runner, "_apply_together", apply_together)
    _put(Runner, "_move", moved)


def _trap_deliveries(trap: Trap) -> None:
    attempt, settle = AttemptRunner.attempt, bus.delivery.queue.settle

    async def attempted(self: AttemptRunner, claim: Any) -> Any:
        trap.passed(DELIVERY_BEFORE_CALL, self.name)
        finished = await attempt(self, claim)
        trap.passed(DELIVERY_AFTER_CALL, self.name)
        return finished

    async def settled(connection: Connection, target: str, *rest: Any) -> Any:
        held = await settle(connection, target, *rest)
        if held:
            trap.passed(DELIVERY_BEFORE_COMMIT, target)
        return held

    _put(AttemptRunner, "attempt", attempted)
    _put(bus.delivery.queue, "settle", settled)


def _trap_around(owner: object, name: str, trap: Trap, *, before: str = "", after: str) -> None:
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @functools.wraps(original)
    async def trapped(*arguments: Any) -> Any:
        if before:
            trap.passed(before)
        result = await original(*arguments)
        trap.passed(after)
        return result

    _put(owner, name, trapped)


def _put(owner: object, name: str, value: object) -> None:
    setattr(owner, name, value)


def shift_clock(file: Path) -> None:
    """Let the program's wall clock be off by the seconds in a file, read anew each time that the clock is read."""

    def now(tz: tzinfo) -> datetime:
        return datetime.now(tz) + timedelta(seconds=float(file.read_text() or 0))

    _put(bus.intake.dispatch, "datetime", SimpleNamespace(now=now))  # the product reads its wall clock there alone


if __name__ == "__main__":
    if os.environ.get(FAULT):
        set_traps(Trap([parse(one) for one in os.environ[FAULT].split(",")]))
    if os.environ.get(CLOCK):
        shift_clock(Path(os.environ[CLOCK]))
    sys.argv[0] = "ticketbus"
    main()
