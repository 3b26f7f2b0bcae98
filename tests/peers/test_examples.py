"""The sample subscribers of examples/: killed at a random place, each event has its effect once, in every language."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import pytest
from kafka.admin import KafkaAdminClient, MemberToRemove

from bus.cli.samples import FILES, Language, folder_of, sample
from bus.domain.events import Recorded
from bus.kafka.clients import kafka_options, make_producer
from bus.kafka.topic_admin import apply_topics
from bus.local.stack import Urls
from bus.schema_registry import Registry, register_all
from bus.settings import Settings
from bus.wire.codec import Codec
from schemas.topics import load_contract, physical
from tests.bus_under_test import eventually
from tests.gateway.fakes import headers_of
from tests.gateway.test_stream_kafka import history

TOPICS = ("ticket.events", "ticket.assign")
SUBSCRIBERS = [one for one in Language if one is not Language.SQL]
TYPES = ("ticket.opened.v1", "note.added.v1")
LIMIT_S = 120.0  # on a machine that has much else to do
REPEATED, PASSED_OVER = 100, 2  # records
STOPPED = (0, 128 + signal.SIGTERM)  # the second is what Java makes of it
LATER_KIND, LATER_VERSION = "ticket.praised.v9", 9001
UNKNOWN_SCHEMA = b"\0\x7f\xff\xff\xff\x02"

pytestmark = pytest.mark.peers


@dataclass(frozen=True, slots=True)
class Log:
    """Records that are there to read, and what of them a subscriber is to deal with."""

    settings: Settings
    registry: str
    events: Sequence[Recorded]

    def names(self) -> set[tuple[str, int]]:
        return {(one.ticket_id, one.version) for one in self.events}


@pytest.fixture(scope="module")
async def log(parts: Urls) -> Log:
    """Publish a history, a part of it twice, and what subscribers pass over: a virtual ticket, a kind of later."""
    settings = Settings(kafka_bootstrap=parts.kafka_bootstrap, namespace=f"x{uuid4().hex[:8]}")
    await apply_topics(settings, load_contract(), replication=1)
    registry = Registry(url=parts.schema_registry_url, basic_auth=parts.schema_registry_basic_auth)
    codec = Codec(await register_all(registry))
    events = await history()
    records = [(one.ticket_id.encode(), codec.encode(one), headers_of(one)) for one in [*events, *events[:REPEATED]]]
    key, _, headers = records[0]
    virtual = [*[each for each in headers if each[0] != "ticket-version"], ("ticket-version", b"9000")]
    records.append((key, UNKNOWN_SCHEMA, [*virtual, ("ticketbus-synthetic", b"true")]))
    later = replace(events[0], version=LATER_VERSION)
    kind = [("ce_type", LATER_KIND.encode()), *[each for each in headers_of(later) if each[0] != "ce_type"]]
    records.append((key, codec.encode(later), kind))
    random.Random(35).shuffle(records)  # noqa: S311 - a test's disorder: topics overtake each other
    async with make_producer(settings, linger_ms=5) as producer:
        sent = [
            await producer.send(physical(settings.namespace, TOPICS[n % 2]), value, key=key, headers=headers)
            for n, (key, value, headers) in enumerate(records)
        ]
        await asyncio.gather(*sent)
    return Log(settings, parts.schema_registry_url, events)


@dataclass(slots=True)
class Subscriber:
    """A sample in a folder of its own, as its user would have it."""

    language: Language
    folder: Path
    log: Log

    def group(self, name: str) -> str:
        """Spell a group of this test's own."""
        return physical(self.log.settings.namespace, f"{name}.{self.language}")

    def fill(self, group: str, **own: str) -> None:
        """Write the sample for this group and make it ready; skips where its language or libraries are missing."""
        space = self.log.settings.namespace
        topics = ",".join(physical(space, topic) for topic in TOPICS)
        text = sample(self.language, **{"topics": topics, "group": self.group(group), "types": ",".join(TYPES), **own})
        (self.folder / FILES[self.language]).write_text(text, encoding="utf-8")
        if build := self._build_command():
            done = subprocess.run(build, cwd=self.folder, capture_output=True, text=True, check=False, timeout=LIMIT_S)
            if done.returncode and ("no such host" in done.stderr or "dial tcp" in done.stderr):
                pytest.skip(f"its libraries cannot be had: {done.stderr.strip()[-200:]}")
            assert done.returncode == 0, done.stderr + done.stdout

    def _build_command(self) -> list[str]:
        """Say how it is built, if it is; what it needs beside it is put there. Skips as `fill` does."""
        home = folder_of(self.language)
        match self.language:
            case Language.PYTHON:
                return []
            case Language.NODE:
                if shutil.which("node") is None or not (home / "node_modules").is_dir():
                    pytest.skip("node, or what the sample needs of it, is not installed: run `make peers`")
                with contextlib.suppress(FileExistsError):
                    (self.folder / "node_modules").symlink_to(home / "node_modules")
                return []
            case Language.JAVA:
                if shutil.which("javac") is None or not (home / "lib").is_dir():
                    pytest.skip("javac, or the sample's jars, are not installed: run `make peers`")
                return ["javac", "-Xlint:all", "-Werror", "-cp", f"{home}/lib/*", FILES[self.language]]
            case Language.GO:
                if shutil.which("go") is None:
                    pytest.skip("go is not installed")
                for name in ("go.mod", "go.sum"):
                    shutil.copy(home / name, self.folder)
                return ["go", "build", "-mod=readonly", "-o", "subscriber", "."]
            case Language.SQL:
                raise NotImplementedError("test_examples_data has it")

    @property
    def command(self) -> list[str]:
        """Say how it is run."""
        match self.language:
            case Language.PYTHON:
                return [sys.executable, "subscriber.py"]
            case Language.NODE:
                return ["node", "subscriber.mjs"]
            case Language.JAVA:
                return ["java", "-cp", f"{folder_of(Language.JAVA)}/lib/*:.", "Subscriber"]
            case Language.GO:
                return [str(self.folder / "subscriber")]
            case Language.SQL:
                raise NotImplementedError("test_examples_data has it")

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run it, its errors in a file; whatever happens, nothing of it is left.

        Small buffers keep it from running far ahead of what is read of its lines.
        """
        env = {
            **os.environ,
            "KAFKA_BOOTSTRAP": self.log.settings.kafka_bootstrap or "",
            "SCHEMA_REGISTRY_URL": self.log.registry,
        }
        with (self.folder / "stderr").open("ab") as errors:
            process = await asyncio.create_subprocess_exec(
                *self.command,
                cwd=self.folder,
                env=env,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                limit=1024,
                pipesize=4096,
            )
        try:
            yield process
        finally:
            await self.kill(process)

    async def kill(self, process: asyncio.subprocess.Process) -> None:
        """Kill it, if it runs, and read what it still printed: asyncio waits for the end of its pipe."""
        assert process.stdout is not None
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.stdout.read()
        await process.wait()

    async def lines(self, process: asyncio.subprocess.Process, most: int) -> list[str]:
        """Read that many lines of what it prints."""
        assert process.stdout is not None
        found: list[str] = []
        try:
            async with asyncio.timeout(LIMIT_S):
                while len(found) < most and (line := await process.stdout.readline()):
                    found.append(line.decode().rstrip())
        except TimeoutError:
            raise AssertionError(f"{len(found)} of {most} lines: {found[-3:]} {self.errors()}") from None
        assert len(found) == most, self.errors()
        return found

    async def stopped(
        self, process: asyncio.subprocess.Process, when: Callable[[], Awaitable[bool]] | None = None
    ) -> int:
        """Ask it to end as a supervisor does, once the condition holds; gives its exit code."""
        assert process.stdout is not None
        reading = asyncio.create_task(process.stdout.read())
        if when is not None:
            await eventually(when, within_s=LIMIT_S, what=self.errors)
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LIMIT_S):
            await reading
            return await process.wait()

    def errors(self) -> str:
        """Give the end of what it said of its errors."""
        return (self.folder / "stderr").read_text(errors="replace")[-2000:]

    def effects(self) -> tuple[set[tuple[str, int]], dict[str, int]]:
        """Read what it noted as seen, and how many events each ticket had."""
        with contextlib.closing(sqlite3.connect(self.folder / "subscriber.db")) as db:
            seen = {(ticket, version) for ticket, version in db.execute("SELECT ticket_id, version FROM seen")}
            return seen, dict(db.execute("SELECT ticket_id, events FROM tickets"))

    def committed(self, group: str) -> int:
        """Sum the offsets that its group has committed."""
        name = self.group(group)
        with contextlib.closing(KafkaAdminClient(**kafka_options(self.log.settings))) as kafka:
            return sum(place.offset for place in kafka.list_group_offsets({name: None})[name].values())

    def remove_member(self, group: str) -> None:
        """Remove the member, as Kafka does by itself after 10 s of silence: it was killed, or stood still."""
        name = self.group(group)
        with contextlib.closing(KafkaAdminClient(**kafka_options(self.log.settings))) as kafka:
            members = kafka.describe_groups([name])[name]["members"]
            kafka.remove_group_members(name, [MemberToRemove(member_id=one["member_id"]) for one in members])


@pytest.mark.parametrize("language", SUBSCRIBERS)
async def test_examples_subscriber_killed_at_a_random_place_gives_each_event_its_effect_once(
    language: Language, log: Log, tmp_path: Path
) -> None:
    subscriber = Subscriber(language, tmp_path, log)
    subscriber.fill("first")
    for _ in range(2):
        place = random.randint(1, 200)  # noqa: S311 - any place
        async with subscriber.running() as process:
            await subscriber.lines(process, place)
            await subscriber.kill(process)
        subscriber.remove_member("first")

    async def all_committed() -> bool:
        return subscriber.committed("first") == len(log.events) + REPEATED + PASSED_OVER

    async with subscriber.running() as process:
        await subscriber.lines(process, 1)
        subscriber.remove_member("first")  # its commit is refused: it goes on by itself
        assert await subscriber.stopped(process, when=all_committed) in STOPPED, subscriber.errors()
    effects = log.names(), Counter(one.ticket_id for one in log.events)
    assert subscriber.effects() == effects

    # Everything again, by a group that has no offsets: it says what it passes over, and does nothing.
    subscriber.fill("second")
    async with subscriber.running() as process:
        again = await subscriber.lines(process, len(log.events) + REPEATED)
        assert await subscriber.stopped(process) in STOPPED, subscriber.errors()
    assert {line.removesuffix(": already done") for line in again} == {f"skip {t} v{v}" for t, v in log.names()}
    assert subscriber.effects() == effects
