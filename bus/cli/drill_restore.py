"""`ticketbus drill restore`: each store lost in turn on a stack of its own, under traffic, and made whole again."""

import asyncio
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, LiteralString
from uuid import uuid4

import httpx2
import psycopg

from bus.backup import take
from bus.domain.text import Text
from bus.lent_settings import borrow
from bus.local import kafka, postgres
from bus.local.parts import program
from bus.local.stack import LocalStack
from bus.settings import Settings

if TYPE_CHECKING:
    from bus.programs.mending import MendedStores

PROGRAMS: Final = ("gateway", "worker")
TRAFFIC_S, AFTER_POINT_S = 3.0, 1.0
_A_SECOND: Final = 20.0
_ARRIVE_S_MAX: Final = 60.0
_OPENED: LiteralString = """
SELECT state -> 'incident_key' ->> 'value' FROM ticket_states WHERE ticket_id NOT LIKE 'V%'"""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLoss:
    """What the loss of one store cost: seconds until all ran again, and what was acknowledged and is not there."""

    store: str
    seconds: float
    acknowledged: int
    lost: int
    repeated: int
    restored: int
    published: int
    repeats_on_kafka: int
    differences: int
    files_put_back: int = 0
    files_wrong: int = 0

    @property
    def text(self) -> Text:
        """The result as a line."""
        minutes = self.seconds / 60
        return Text(
            f"{self.store} 丢失,{minutes:.1f} 分钟后恢复;已答 {self.acknowledged},丢 {self.lost},重复 {self.repeated}",
            f"{self.store} lost: whole again after {minutes:.1f} min; acknowledged {self.acknowledged}, lost "
            f"{self.lost}, repeated {self.repeated}; from Kafka {self.restored}, to Kafka {self.published}, harmless "
            f"repeats there {self.repeats_on_kafka}, differences {self.differences}, uploaded files put back "
            f"{self.files_put_back}, wrong {self.files_wrong}",
        )


@dataclass(slots=True, kw_only=True)
class Traffic:
    """Reports of incidents, one after the other, each with a key of its own; who is answered counts."""

    url: str
    token: str
    keys: list[str] = field(default_factory=list)
    _going: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send for as long as the block lasts."""
        self._going.set()
        sending = threading.Thread(target=self._send, daemon=True)
        sending.start()
        try:
            yield
        finally:
            self._going.clear()
            sending.join()

    def upload(self) -> None:
        """Upload a file, which is to be there again as well."""
        with self._client() as client:
            client.post("/v1/files", content=b"drill restore\n").raise_for_status()

    def _client(self) -> httpx2.Client:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx2.Client(base_url=self.url, headers=headers, trust_env=False, timeout=5)

    def _send(self) -> None:
        with self._client() as client:
            while self._going.is_set():
                key = f"DRILL-{uuid4().hex}"
                body = {"incident_key": {"kind": "order", "value": key}, "title": "演练", "type": "hardware_fault"}
                try:
                    answer = client.post("/v1/tickets", json=body, headers={"Idempotency-Key": key})
                    if answer.status_code in (201, 202):
                        self.keys.append(key)
                except httpx2.HTTPError:
                    pass  # nobody was answered
                time.sleep(1 / _A_SECOND)


def play(settings: Settings, scratch: Path, say: Say) -> list[StoreLoss]:
    """Lose PostgreSQL and restore it to a point in time, then lose Kafka. For the main thread."""
    data = settings.data
    with _running(settings, data, say) as stack:
        traffic = Traffic(url=stack.state.lends["url"], token=stack.state.lends["token"])
        made, point, begun = _lose_postgres(stack, scratch / "backup", traffic, settings, say)
    from bus.programs.restoring import restore_local

    restored = restore_local(settings, scratch / "backup", made, point, say)
    assert restored.files.report is not None, restored.files.why
    with _running(settings, data, say) as stack:
        loss = _loss("PostgreSQL", begun, stack, traffic, restored.mended)
        wrong = len(restored.files.report.wrong)
        losses = [replace(loss, files_put_back=restored.files.put_back, files_wrong=wrong)]
        traffic.url = stack.state.lends["url"]  # its port may have been taken meanwhile
        with traffic.running():
            time.sleep(TRAFFIC_S)
            begun = time.monotonic()
            _kill(stack, kafka.NAME)
            shutil.rmtree(data / "kafka")
            time.sleep(1)
    with _running(settings, data, say, programs=()) as stack:
        mended = asyncio.run(_mended(borrow(settings, stack.state.lends)))
    with _running(settings, data, say) as stack:
        return [*losses, _loss("Kafka", begun, stack, traffic, mended)]


def _lose_postgres(
    stack: LocalStack, backup: Path, traffic: Traffic, settings: Settings, say: Say
) -> tuple[Any, datetime, float]:
    """Back up under traffic, then kill the server and delete its files; gives the manifest, a time before and when."""
    ports, password = stack.state.ports, stack.state.secrets.database_password
    server = take.server_at(postgres.admin_url(port=ports["postgres"], password=password))
    take.new_folder(backup)
    with traffic.running():
        time.sleep(TRAFFIC_S)
        traffic.upload()
        with take.receiving(server, backup):
            made = asyncio.run(take.take(borrow(settings, stack.state.lends), server, backup, say))
            time.sleep(TRAFFIC_S)
            point = datetime.now(UTC)
            time.sleep(AFTER_POINT_S)
            begun = time.monotonic()
            _kill(stack, postgres.NAME)
        for lost in ("postgres", "files"):
            shutil.rmtree(stack.data / lost)
        time.sleep(1)
    return made, point, begun


@contextmanager
def _running(settings: Settings, data: Path, say: Say, programs: Sequence[str] = PROGRAMS) -> Iterator[LocalStack]:
    from bus.app import prepare

    stack = LocalStack(
        data=data, settings=settings, prepare=prepare, programs=[program(one) for one in programs], say=say
    )
    stack.start()
    try:
        yield stack
    finally:
        stack.stop()


def _kill(stack: LocalStack, part: str) -> None:
    """Kill a part with all its processes, as a power failure would."""
    identity = stack.state.processes[part]
    os.killpg(identity.pid, signal.SIGKILL)
    while identity.alive():
        time.sleep(0.05)


def _loss(store: str, begun: float, stack: LocalStack, traffic: Traffic, mended: "MendedStores") -> StoreLoss:
    """Compare with what was acknowledged; what was lost is not counted against the next store."""
    seconds, keys = time.monotonic() - begun, traffic.keys
    opened = _opened(stack.state.lends["database_url"], keys)
    traffic.keys = [key for key in keys if key in opened]
    report = mended.report
    return StoreLoss(
        store=store,
        seconds=seconds,
        acknowledged=len(keys),
        lost=sum(key not in opened for key in keys),
        repeated=sum(count > 1 for count in opened.values()),
        restored=mended.restored,
        published=mended.published,
        repeats_on_kafka=report.repeats,
        differences=report.differences,
    )


def _opened(url: str, keys: Sequence[str]) -> Counter[str]:
    """Count the tickets of each key, once what waited on ticket.intake has been taken, or its time is up."""
    until = time.monotonic() + _ARRIVE_S_MAX
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            found = Counter(key for (key,) in connection.execute(_OPENED).fetchall())
            if all(key in found for key in keys) or time.monotonic() > until:
                return found
            time.sleep(0.5)


async def _mended(settings: Settings) -> "MendedStores":
    from bus.app import open_core
    from bus.postgres.pool import connected
    from bus.programs.mending import mend
    from bus.stage import offsets
    from bus.stage.offsets import DELIVERIES_HANDLER

    async with open_core(settings, connections=4) as core:
        mended = await mend(core)
        if DELIVERIES_HANDLER in mended.undecided:  # nothing here is older than what deliveries remember
            async with connected(core.pool) as connection:
                await offsets.reset(connection, DELIVERIES_HANDLER, None)
        return mended
