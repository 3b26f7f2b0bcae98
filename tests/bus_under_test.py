"""A bus for one test or measurement: its own database and namespace on shared parts, its programs as real processes."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import httpx2
import psycopg
from kafka.admin import KafkaAdminClient, MemberToRemove

from bus.app import Core, open_core, require
from bus.kafka.clients import admin, kafka_options
from bus.kafka.topic_admin import apply_topics
from bus.local.ports import PortClaims
from bus.local.stack import Urls
from bus.postgres.pool import connected
from bus.settings import Settings
from schemas.topics import load_contract
from tests import databases, preloaded

TOKEN = databases.ADMIN_TOKEN
PATIENCE_S = 120.0  # for what is there in a moment, on a machine that has much else to do
WEBHOOK_SECRET = "whsec_" + "dGVzdC13ZWJob29rLXNlY3JldC0zMi1ieXRlcyEh"
Value = TypeVar("Value")


@dataclass(slots=True)
class Questions:
    """One connection for all that a test asks a database, made when first needed and anew once it was cut."""

    url: str
    _connection: psycopg.Connection[tuple[Any, ...]] | None = None

    def ask(self, text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Ask, once more where the connection turns out to be gone."""
        try:
            return self._asked(text, parameters)
        except psycopg.OperationalError:
            if self._connection is not None and not self._connection.closed:
                raise
            return self._asked(text, parameters)

    def close(self) -> None:
        """Let go of the connection; idempotent."""
        if self._connection is not None:
            self._connection.close()

    def _asked(self, text: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self.url, autocommit=True)
        return self._connection.execute(text.encode(), parameters).fetchall()


@dataclass(slots=True, kw_only=True)
class Bus:
    """Settings of this bus, a folder for its files, and the processes that it started."""

    settings: Settings
    environment: dict[str, str]
    folder: Path
    questions: Questions
    processes: dict[str, subprocess.Popen[bytes] | preloaded.Forked] = field(default_factory=dict)
    began_at: dict[str, int] = field(default_factory=dict)  # byte of its log where a process began
    module: str = "bus"
    fork: bool = True  # start `python -m bus` from a process that has imported it

    @property
    def url(self) -> str:
        """Where the gateway listens."""
        return require(self.settings, "url")

    @property
    def database_url(self) -> str:
        """Where the truth is."""
        return require(self.settings, "database_url")

    @property
    def kafka(self) -> str:
        """Where the log is."""
        return require(self.settings, "kafka_bootstrap")

    def start(self, program: str, *arguments: str) -> int:
        """Start a program of the bus, its log in the folder; gives the process id."""
        return self.start_process(program, self.module, program, *arguments)

    def start_process(self, name: str, module: str, *arguments: str, python: Path = Path(sys.executable)) -> int:
        """Start any module under a name; gives the process id."""
        env = self.environment
        with (self.folder / f"{name}.log").open("ab") as log:
            self.began_at[name] = log.tell()
            if self.fork and module == preloaded.MODULE and python == Path(sys.executable):
                self.processes[name] = preloaded.start(arguments, env=env, stdout=log, stderr=log)
            else:
                command = [str(python), "-m", module, *arguments]
                self.processes[name] = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        return self.processes[name].pid

    def stop(self, program: str, how: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; gives the exit code."""
        process = self.processes.pop(program)
        process.send_signal(how)
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{program} did not stop: {self.last_words(program)}") from None

    def end_sessions(self) -> None:
        """Remove the members of this bus's groups, as Kafka does once a killed worker was silent for 10 s.

        Only while no worker runs: those who start next need not wait for the dead.
        """
        options = kafka_options(self.settings)
        with contextlib.closing(KafkaAdminClient(**options)) as kafka:
            prefix = f"{self.settings.namespace}."
            names = [one["group_id"] for one in kafka.list_groups() if one["group_id"].startswith(prefix)]
            for name, group in kafka.describe_groups(names).items():
                members = [MemberToRemove(member_id=one["member_id"]) for one in group["members"]]
                kafka.remove_group_members(name, members)

    def log_of(self, program: str) -> str:
        """Read what a program logged."""
        return (self.folder / f"{program}.log").read_text(errors="replace")

    def log_since_start(self, program: str) -> str:
        """Read what a program logged since it was last started."""
        return (self.folder / f"{program}.log").read_bytes()[self.began_at[program] :].decode(errors="replace")

    def last_words(self, program: str) -> str:
        """Read the end of what a program logged."""
        return self.log_of(program)[-2000:]

    def run(
        self, *arguments: str, typed: str | None = None, timeout_s: float = PATIENCE_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of `ticketbus` to its end, with what somebody types."""
        if self.fork and self.module == preloaded.MODULE and typed is None:
            return preloaded.run(arguments, env=self.environment, timeout_s=timeout_s)
        command = [sys.executable, "-m", self.module, *arguments]
        return subprocess.run(
            command, env=self.environment, input=typed, capture_output=True, text=True, timeout=timeout_s, check=False
        )

    def client(self, token: str = TOKEN) -> httpx2.AsyncClient:
        """Make an HTTP client with a token."""
        headers = {"Authorization": f"Bearer {token}"}
        return httpx2.AsyncClient(base_url=self.url, headers=headers, timeout=PATIENCE_S, trust_env=False)

    async def ready(self, path: str = "/readyz") -> None:
        """Wait until the gateway says that it is ready."""

        async def answers() -> bool:
            try:
                async with httpx2.AsyncClient(trust_env=False) as http:
                    return (await http.get(f"{self.url}{path}")).status_code == 200
            except httpx2.TransportError:
                return False

        await eventually(answers, what=lambda: "\n".join(map(self.last_words, self.processes)))

    def query(self, text: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Ask this bus's database."""
        return self.questions.ask(text, parameters)

    @asynccontextmanager
    async def core(self, connections: int = 4) -> AsyncIterator[Core]:
        """Open the core in this process, on the same stores."""
        async with open_core(self.settings, connections=connections) as core:
            yield core

    async def opened_inputs(self, *bodies: bytes) -> list[bytes]:
        """Open bodies of refused input, or of letters of input."""
        async with self.core(connections=1) as core, connected(core.pool) as connection:
            return await core.keys.opened_inputs(connection, bodies)


async def eventually(
    holds: Callable[[], Awaitable[Value]],
    *,
    within_s: float = PATIENCE_S,
    each_s: float = 0.05,
    what: Callable[[], str] | str = "the condition",
) -> Value:
    """Wait until the condition gives something true; AssertionError after the limit."""
    until = time.monotonic() + within_s
    while True:
        value = await holds()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"not within {within_s} s: {what if isinstance(what, str) else what()}")
        await asyncio.sleep(each_s)


@contextmanager
def bus_on(parts: Urls, folder: Path, *, database_kept: bool = True, fork: bool = True) -> Iterator[Bus]:
    """Make a bus on the parts; prepared, without programs; everything it started is gone afterwards.

    Its database stays for as long as the parts do, unless told otherwise: a test may look at it later.
    """
    name = f"t{uuid4().hex[:10]}"
    claims = PortClaims(Settings().cache)  # else another test, or any connection, might take the port meanwhile
    port = claims.claim(("http",), {}, fixed={})["http"]
    environment = {
        **os.environ,
        "DATABASE_URL": databases.make_database(parts, name),
        "KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "SCHEMA_REGISTRY_URL": parts.schema_registry_url,
        "SCHEMA_REGISTRY_BASIC_AUTH": parts.schema_registry_basic_auth or "",
        "TICKETBUS_NAMESPACE": name,
        "TICKETBUS_HTTP_PORT": str(port),
        "TICKETBUS_URL": f"http://127.0.0.1:{port}",
        "TICKETBUS_TOKEN": TOKEN,
        "TICKETBUS_MASTER_KEY": databases.MASTER_KEY,
        "TICKETBUS_CLIENT_RATE_PER_S": "1000000",  # one token speaks for all clients of a test or a measurement
        "TICKETBUS_WEBHOOK_SECRETS": json.dumps({"crm": [WEBHOOK_SECRET]}),
        "TICKETBUS_DATA": str(folder),
        "COLUMNS": "1000",  # what a command says is not broken at the width of a terminal, nor within a path
    }
    settings = settings_from(environment)
    questions = Questions(environment["DATABASE_URL"])
    bus = Bus(settings=settings, environment=environment, folder=folder, questions=questions, fork=fork)
    try:
        asyncio.run(make_topics(settings))
        yield bus
    finally:
        for process in bus.processes.values():
            process.kill()
            process.wait()
        questions.close()
        claims.release()
        if not database_kept:
            databases.drop_database(parts, name)


async def make_topics(settings: Settings) -> None:
    """Make the contract's topics in the settings' namespace, as `prepare` does."""
    async with admin(settings) as client:
        brokers = len((await client.describe_cluster())["brokers"])
    await apply_topics(settings, load_contract(), replication=min(3, brokers))


def settings_from(environment: dict[str, str]) -> Settings:
    """Read settings from variables given, as a program would from its own."""
    return Settings.model_validate(
        {
            "database_url": environment["DATABASE_URL"],
            "kafka_bootstrap": environment["KAFKA_BOOTSTRAP"],
            "schema_registry_url": environment["SCHEMA_REGISTRY_URL"],
            "schema_registry_basic_auth": environment["SCHEMA_REGISTRY_BASIC_AUTH"] or None,
            "namespace": environment["TICKETBUS_NAMESPACE"],
            "http_port": int(environment["TICKETBUS_HTTP_PORT"]),
            "url": environment["TICKETBUS_URL"],
            "token": environment["TICKETBUS_TOKEN"],
            "master_key": environment["TICKETBUS_MASTER_KEY"],
            "webhook_secrets": json.loads(environment["TICKETBUS_WEBHOOK_SECRETS"]),
            "data": environment["TICKETBUS_DATA"],
        }
    )
