"""The duties of every target as tests: subclass `TargetContract`, or `HttpTargetContract`, as `Test…`.

Say which adapter it is, which event it takes, and what a well system looks like. `bus/delivery/target.py` has the list
of duties. The tests need pytest alone: each runs its own event loop.
"""

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Protocol
from uuid import UUID

import orjson
import pytest

from adapters.adapter import EnvironmentSecrets, TargetAdapter, TargetServices
from bus.config_file import ConfigFileInvalid
from bus.delivery.target import Call, DeliveryFailed, Effect, FailureKind, ProbedTarget, Target, delivery_key
from bus.delivery.targets_config import load_targets_config
from bus.domain.events import Event, Recorded, TicketOpened
from bus.domain.evolve import evolve
from bus.domain.terms import CommandId, EventId, KeyKind, TicketId, TraceId
from bus.domain.ticket import Ticket
from bus.domain.values import Customer, IncidentKey
from bus.wire.headers import traceparent

NOW = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
PATIENT_S = 30.0  # a deadline that is not run into
PERSON, PHONE = "李女士", "13800001111"
OPENED = TicketOpened(
    source_no="CRM-1001",
    incident_key=IncidentKey(kind=KeyKind.PHONE, value=PHONE),
    title=f"{PERSON}的洗衣机",
    description=PHONE,
    type="hardware_fault",
    region="华东",
    skills=(),
    priority="",
    serial="",
    customer=Customer(name=PERSON, phone=PHONE),
    opened_at=NOW,
    response_limit_s=900,
    resolution_limit_s=86_400,
)


class TargetSystem(Protocol):
    """The other system, well and on this machine."""

    @property
    def url(self) -> str:
        """Where it listens, for the adapter's options."""
        ...

    def effects(self) -> int:
        """Count what took effect there, repeats included."""
        ...


class TargetContract(ABC):
    """What `bus/delivery/target.py` asks of a target of any kind.

    `secrets`: the environment variables that its options name, with their values. `event`: one that it takes;
    `foreign`: one that has no form there, None for a target that takes all. `late_s`: how long after its deadline a
    call may end on a machine that is busy with other things.
    """

    adapter: ClassVar[TargetAdapter[Any]]
    secrets: ClassVar[Mapping[str, str]]
    event: ClassVar[Event]
    foreign: ClassVar[Event | None] = None
    late_s: ClassVar[float] = 10

    @abstractmethod
    def system(self) -> AbstractAsyncContextManager[TargetSystem]:
        """Run the other system, fresh and well."""

    @abstractmethod
    def options(self, url: str) -> Mapping[str, Any]:
        """Give the options of a targets file for a system at that address."""

    def test_an_event_sent_twice_has_one_effect_or_is_found(self) -> None:
        async def twice(system: TargetSystem, target: Target) -> None:
            asked = self.call()
            first = await target.send(asked)
            if target.idempotent:
                await target.send(asked)
            else:
                assert await target.confirm(asked) == first, "a target that repeats effects says what it has done"
            assert system.effects() == 1

        self.run_well(twice)

    def test_confirm_changes_nothing(self) -> None:
        async def looked(system: TargetSystem, target: Target) -> None:
            assert await target.confirm(self.call()) is None
            assert system.effects() == 0

        self.run_well(looked)

    def test_a_probe_changes_nothing_and_fails_with_a_kind_where_nobody_answers(self) -> None:
        if not isinstance(self.built("http://127.0.0.1:9"), ProbedTarget):
            pytest.skip("this target has no probe")

        async def probed(system: TargetSystem, target: Target) -> None:
            assert isinstance(target, ProbedTarget)
            await target.probe(PATIENT_S)
            assert system.effects() == 0
            async with self.target("http://127.0.0.1:9") as absent:
                assert isinstance(absent, ProbedTarget)
                with pytest.raises(DeliveryFailed):
                    await absent.probe(PATIENT_S)

        self.run_well(probed)

    def test_an_event_without_a_form_there_is_untranslatable_and_nothing_is_done(self) -> None:
        foreign = self.foreign
        if foreign is None:
            pytest.skip("this target takes every event")

        async def refused(system: TargetSystem, target: Target) -> None:
            failed = await self.outcome(target, self.call(foreign))
            assert isinstance(failed, DeliveryFailed)
            assert (failed.kind, system.effects()) == (FailureKind.UNTRANSLATABLE, 0)

        self.run_well(refused)

    def test_a_closed_target_closes_again_and_a_call_is_still_a_failure_with_a_kind(self) -> None:
        async def closed(_: TargetSystem, target: Target) -> None:
            for _again in range(2):
                await target.close()
            assert isinstance(await self.outcome(target, self.call()), DeliveryFailed)

        self.run_well(closed)

    def test_options_are_read_and_a_wrong_one_is_named_without_its_value(self, tmp_path: Path) -> None:
        good = self.options("http://127.0.0.1:9")
        self._load_config(tmp_path, good)
        with pytest.raises(
            ConfigFileInvalid, match=r"targets\.it\.options\.no_such_option: .*there is no such field"
        ) as wrong:
            self._load_config(tmp_path, {**good, "no_such_option": PHONE})
        assert PHONE not in str(wrong.value)

    def test_a_secret_that_is_not_set_is_named_and_none_is_shown(self) -> None:
        for missing in self.secrets:
            rest = {name: value for name, value in self.secrets.items() if name != missing}
            with pytest.raises(ConfigFileInvalid, match=rf"targets\.it: .*{missing}") as wrong:
                self.built("http://127.0.0.1:9", rest)
            assert [value for value in self.secrets.values() if value in str(wrong.value)] == []

    def test_building_and_printing_show_no_secret(self) -> None:
        options = self.adapter.options.model_validate(self.options("http://127.0.0.1:9"))
        shown = f"{self.built('http://127.0.0.1:9')!r} {options!r}"
        assert [value for value in self.secrets.values() if value in shown] == []

    def run_well(self, work: Callable[[TargetSystem, Target], Awaitable[None]]) -> None:
        """Run a test on a well system and a target of it."""

        async def whole() -> None:
            async with self.system() as system, self.target(system.url) as target:
                await work(system, target)

        asyncio.run(whole())

    def built(self, url: str, secrets: Mapping[str, str] | None = None) -> Target:
        """Build the target as the bus does."""
        options = self.adapter.options.model_validate(self.options(url))
        given = EnvironmentSecrets(environment=self.secrets if secrets is None else secrets, where="targets.it")
        return self.adapter.build(options, given, services())

    @asynccontextmanager
    async def target(self, url: str) -> AsyncIterator[Target]:
        """Build the target for the length of a block."""
        target = self.built(url)
        try:
            yield target
        finally:
            await target.close()

    def call(self, event: Event | None = None, *, within_s: float = PATIENT_S) -> Call:
        """Make the call that the tests make; its event follows the opening of a ticket that names a person."""
        recorded = _recorded(2, self.event if event is None else event)
        return Call(
            event=recorded,
            key=delivery_key(recorded.event_id, "it"),
            attempt=1,
            within_s=within_s,
            traceparent=traceparent(recorded.trace_id, recorded.event_id),
        )

    async def outcome(self, target: Target, call: Call) -> Effect | DeliveryFailed:
        """Make a call. Whatever else it raises, and an end that does not come in time, fails the test."""
        try:
            async with asyncio.timeout(call.within_s + self.late_s):
                return await target.send(call)
        except DeliveryFailed as failure:
            return failure

    def private(self) -> list[str]:
        """List what must appear in no log and no message."""
        return [PERSON, PHONE, *self.secrets.values()]

    def _load_config(self, folder: Path, options: Mapping[str, Any]) -> None:
        path = folder / "targets.yaml"  # JSON is YAML
        target = {"adapter": self.adapter.name, "events": [type(self.event).__name__], "options": options}
        path.write_bytes(orjson.dumps({"targets": {"it": target}}))
        load_targets_config(path, {self.adapter.name: self.adapter})


def services() -> TargetServices:
    """Lend a target what the bus lends it."""
    return TargetServices(name="it", ticket_at=_ticket_at, now=lambda: datetime.now(UTC))


async def next_attempt(target: Target, call: Call, *, unsure: bool) -> Effect:
    """Make the next attempt as the bus does: after an unknown end it looks first where a repeat would do harm."""
    if unsure and not target.idempotent:
        found = await target.confirm(call)
        if found is not None:
            return found
    return await target.send(call)


def all_text_of(failure: DeliveryFailed, log: pytest.LogCaptureFixture) -> str:
    """Gather all that a failure says, with what led to it and what was logged, but for the other side's own words."""
    texts, link = list[str](), list[BaseException | None]([failure])
    while (error := link.pop()) is not None:
        texts += [
            str(error),
            repr(error),
            repr({name: value for name, value in vars(error).items() if name != "message"}),
        ]
        link.append(error.__cause__ or error.__context__)
    return "\n".join([*texts, log.text])


def capture_logs(log: pytest.LogCaptureFixture) -> None:
    """Listen to what the programs would log."""
    log.set_level(logging.INFO)


def _recorded(version: int, event: Event) -> Recorded:
    at = NOW + timedelta(minutes=version)
    return Recorded(
        event_id=EventId(UUID(int=version)),
        ticket_id=TicketId("T20261122-000001"),
        version=version,
        trace_id=TraceId("4bf92f3577b34da6a3ce929d0e0e4736"),
        occurred_at=at,
        recorded_at=at,
        source="crm",
        actor=PERSON,
        command_id=CommandId(UUID(int=100 + version)),
        historic=False,
        implied=False,
        waived=(),
        event=event,
    )


async def _ticket_at(call: Call) -> Ticket:
    return evolve(evolve(None, _recorded(1, OPENED)), call.event)
