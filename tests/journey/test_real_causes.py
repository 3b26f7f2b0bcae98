"""Causes made for real, all in one go: programs that do not run, targets with each fault, an app that is not there."""

import signal
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest
import yaml

from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.callback_receiver import CallbackReceiver
from bus.app import Core
from bus.delivery import declarations, queue, target_state
from bus.delivery.queue import NewDelivery
from bus.domain.terms import TicketId
from bus.intake.dispatch import utc_now
from bus.local.stack import Urls
from bus.postgres.pool import connected, in_transaction
from bus.programs.journeys import journeys_of
from tests.bus_under_test import WEBHOOK_SECRET, Bus, bus_on, eventually
from tests.consistency.test_two_stores import life, request

QUICK = {"first_wait": "PT0.05S", "longest_wait": "PT0.2S"}
SLOW = {"first_wait": "PT60S", "longest_wait": "PT60S"}
# Each target with its fault, how it is called, and what is named there.
FAULTY: Mapping[str, tuple[CallbackFault | None, Mapping[str, Any], set[str]]] = {
    "well": (None, {}, set()),
    "paused": (None, {}, {"target_paused"}),
    "storm": (CallbackFault.UNAVAILABLE, {"retry": QUICK, "breaker": {"failures": 2, "probe_every": "PT60S"}},
              {"breaker_open"}),
    "asking": (CallbackFault.THROTTLE, {}, {"retry_after"}),
    "failing": (CallbackFault.UNAVAILABLE, {"retry": SLOW}, {"retrying"}),
    "silent": (CallbackFault.HANG, {"attempt_timeout": "PT2S", "retry": SLOW}, {"unconfirmed"}),
    "refusing": (CallbackFault.REFUSE, {"retry": {**QUICK, "rejected_attempts": 1}}, {"dead_letter", "behind"}),
}  # fmt: skip
AT_ONCE = {name: causes for name, (_, _, causes) in FAULTY.items() if causes} | {
    "gone": {"target_undeclared"},
    "app": {"nobody_connected"},
}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    """Make a bus of the module's own; nothing runs yet."""
    with bus_on(parts, tmp_path_factory.mktemp("causes")) as made:
        yield made


@pytest.fixture
async def core(bus: Bus) -> AsyncIterator[Core]:
    """Open its core beside targets that each have a fault."""
    async with AsyncExitStack() as stack:
        targets: dict[str, Any] = {"app": {"adapter": "engineer-app", "events": "all"}}
        for name, (fault, how, _) in FAULTY.items():
            receiver = await stack.enter_async_context(CallbackReceiver(WEBHOOK_SECRET))
            if fault is not None:
                receiver.misbehave(fault)
            options = {"url": receiver.url, "secrets": ["CRM_SECRET"]}
            targets[name] = {"adapter": "crm-callback", "events": "all", "options": options, **how}
        file = bus.folder / "targets.yaml"
        file.write_text(yaml.safe_dump({"targets": targets}), encoding="utf-8")
        bus.environment |= {"TICKETBUS_TARGETS_FILE": str(file), "CRM_SECRET": WEBHOOK_SECRET}
        yield await stack.enter_async_context(bus.core())


async def lived(core: Core, number: int) -> TicketId:
    outcomes = await core.dispatcher.dispatch([request(number, one, minute) for minute, one in enumerate(life(number))])
    return TicketId(getattr(outcomes[0], "ticket_id", ""))


async def named(core: Core, name: str, later: timedelta = timedelta()) -> dict[str, set[str]]:
    """Give the causes that are named, by where."""
    found = await journeys_of(core)(name, now=lambda: utc_now() + later)
    causes = dict[str, set[str]]()
    for one in found["verdict"] if found else ():
        causes.setdefault(one["where"], set()).add(one["cause"])
    return causes


async def all_named(core: Core, name: str, later: timedelta = timedelta()) -> set[str]:
    return set().union(*(await named(core, name, later)).values())


async def test_real_causes_are_each_named_and_no_other(bus: Bus, core: Core) -> None:
    ticket_id = await lived(core, 1)
    assert await all_named(core, ticket_id) == {"relay_stuck"}, "no program runs"
    for target in ("paused", "gone"):
        await target_state.begin(core.pool, target)
    await in_transaction(core.pool, target_state.pause, "paused", by="张工", why="盘点")
    await in_transaction(core.pool, queue.add, [NewDelivery(target="gone", ticket_id=ticket_id, version=1)], utc_now())
    async with connected(core.pool) as connection:
        await connection.execute("UPDATE delivery_targets SET declared_at = now() - interval '1 hour'")
    bus.start("gateway")
    await bus.ready()

    async def is_all(*causes: str) -> bool:
        return await all_named(core, ticket_id) == {*causes}

    await eventually(lambda: is_all("no_worker"), what=lambda: bus.last_words("gateway"))
    await declarations.mark_undeclared(core.pool, [*FAULTY])
    bus.start("worker")
    seen = dict[str, set[str]]()

    async def each_is_named() -> bool:
        seen.clear()
        seen.update(await named(core, ticket_id))
        return seen == AT_ONCE

    await eventually(each_is_named, within_s=60, each_s=0.2, what=lambda: f"{seen} {bus.last_words('worker')}")
    bus.processes["worker"].send_signal(signal.SIGSTOP)
    other = await lived(core, 2)

    async def is_frozen() -> bool:
        return await all_named(core, other, later=timedelta(seconds=25)) == {"worker_frozen"}

    await eventually(is_frozen, within_s=20)
    bus.processes["worker"].send_signal(signal.SIGCONT)
    assert bus.stop("worker") == 0
    assert bus.stop("gateway") == 0
