"""Load through the public doors, written down in a history: clients that ask and ask again, and imports of the past."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import httpx2

from adapters.history.file_order import rows_in_order
from adapters.history.importer import import_history as import_for_real
from adapters.history.map_file import load_map
from adapters.history.rows import open_lines
from bus.domain.batch import Accepted, Outcome
from bus.domain.commands import Request
from bus.domain.errors import KafkaUnavailable
from bus.domain.naming import kebab
from bus.intake.dispatch import Dispatcher
from bus.intake.memory_store import MemoryStore
from bus.kafka.clients import HeldProducer
from bus.rules_config import load_rules
from deadletter.rejected_inputs import MemoryRejectedInputs
from schemas.messages import CommandSent
from schemas.topics import COMMANDS, physical
from tests.bus_under_test import Bus
from tests.faults.asking import AGAIN_S, Load, Speak
from tests.faults.clients import Clerk, Crm, System
from tests.faults.history import Channel, History, Kind, Op

__all__ = ["Load", "import_history", "load"]
ATTEMPT_S_MAX = 12.0  # longer than the gateway lets anybody wait
SPEAK_S_MAX = 10.0


@asynccontextmanager
async def load(
    bus: Bus,
    history: History,
    *,
    seed: int,
    clerks: int = 6,
    crms: int = 2,
    systems: int = 1,
    rate: float = 80,
    patience_s: float = 180,
    ticket_type: str = "hardware_fault",
    doubled: float = 0.05,
    parts: float = 0.3,
    sound: bool = False,
) -> AsyncIterator[Load]:
    """Run clients until the block ends; then each asks on, for up to `patience_s`, until it knows what it came to.

    `rate` is about how many commands all of them give in a second while nobody has to wait; `parts` the share of
    tickets that need some. A sound load asks nothing that the rules refuse, and its engineers wait for parts.
    """
    async with bus.client() as http, speaking(bus) as speak:
        http.timeout = httpx2.Timeout(ATTEMPT_S_MAX)
        made = Load(
            bus=bus,
            history=history,
            http=http,
            speak=speak,
            pause_s=(clerks + crms + systems) / rate,
            patience_s=patience_s,
            ticket_type=ticket_type,
            doubled=doubled,
            parts=parts,
            sound=sound,
        )
        kinds: Mapping[type[Clerk | Crm | System], int] = {Clerk: clerks, Crm: crms, System: systems}
        names = [(kind, f"{kind.__name__.lower()}-{n}") for kind, count in kinds.items() for n in range(count)]
        clients = [kind(load=made, name=name, rng=Random(f"{seed} {name}")) for kind, name in names]  # noqa: S311 - repeatable on purpose
        tasks = [asyncio.create_task(client.work(), name=client.name) for client in clients]
        try:
            yield made
            made.stopping.set()
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def speaking(bus: Bus) -> AsyncIterator[Speak]:
    """Give what puts a command on Kafka, acknowledged by all replicas; TimeoutError when it may be there or not."""
    topic = physical(bus.settings.namespace, COMMANDS)
    held = HeldProducer(bus.settings)
    async with bus.core() as core:
        codec = core.codec

    async def speak(sent: CommandSent) -> None:
        try:
            async with held.sending(SPEAK_S_MAX) as producer:
                key = sent.ticket_source_no or getattr(sent.command, "source_no", "")
                await producer.send_and_wait(topic, codec.encode_record(sent), key=key.encode())
        except KafkaUnavailable as error:
            raise TimeoutError from error

    try:
        yield speak
    finally:
        await held.close()


async def import_history(bus: Bus, history: History, file: Path, map_file: Path, *, patience_s: float = 180) -> None:
    """Import a history by the program, again and again until it ends well, and write down what each command came to.

    What it is to come to is known beforehand, by the same import into memory. A fault may kill the process `import`.
    """
    asked = [
        (
            Op(
                process="import",
                kind=Kind.INVOKE,
                channel=Channel.IMPORT,
                action=kebab(type(request.command)),
                key=str(request.command_id),
                command_id=str(request.command_id),
                at=time.monotonic(),
            ),
            outcome,
        )
        for request, outcome in await _foretold(bus, file, map_file)
    ]
    until = time.monotonic() + patience_s
    while True:
        for op, _ in asked:
            history.add(replace(op, at=time.monotonic()))
        bus.start("import", "history", "--map", str(map_file), str(file))
        process = bus.processes["import"]
        while process.poll() is None:
            await asyncio.sleep(AGAIN_S)
        bus.processes.pop("import", None)
        for op, outcome in asked:
            history.add(_came_to(op, outcome, done=process.returncode == 0))
        if process.returncode == 0 or time.monotonic() > until:
            return


def _came_to(op: Op, outcome: Outcome, *, done: bool) -> Op:
    at = time.monotonic()
    if not done:
        return replace(op, kind=Kind.INFO, at=at)
    if isinstance(outcome, Accepted):
        return replace(op, kind=Kind.OK, answer=outcome.answer.value, at=at)
    return replace(op, kind=Kind.FAIL, code=outcome.error.code, at=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Recording(Dispatcher):
    """Keeps what it was asked and what it answered."""

    told: list[tuple[Request, Outcome]] = field(default_factory=list)

    async def dispatch(self, requests: Sequence[Request]) -> list[Outcome]:
        outcomes = await Dispatcher.dispatch(self, requests)
        self.told.extend(zip(requests, outcomes, strict=True))
        return outcomes


async def _foretold(bus: Bus, file: Path, map_file: Path) -> list[tuple[Request, Outcome]]:
    recording = _Recording(store=MemoryStore(), rules=load_rules(bus.settings))
    with open_lines(file) as (lines, _), rows_in_order(lines, load_map(map_file)) as ordered:
        await import_for_real(ordered, recording, MemoryRejectedInputs())
    return recording.told
