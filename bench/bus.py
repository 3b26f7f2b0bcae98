"""A bus for one measurement: its own database and namespace on shared parts, its programs as real processes."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import httpx2
import psycopg
from psycopg import sql

from bus.app import Core, open_core, prepare, require
from bus.local.stack import Urls
from bus.settings import Settings, load

TOKEN = "bench-admin-token"  # noqa: S105 - guards a bus that lives for one measurement, on loopback


@dataclass(slots=True, kw_only=True)
class Bus:
    """Settings of this measurement's bus, a folder for its files, and the processes that it started."""

    settings: Settings
    environment: dict[str, str]
    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

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
        return self.start_process(program, "bus", program, *arguments)

    def start_process(self, name: str, module: str, *arguments: str, python: Path = Path(sys.executable)) -> int:
        """Start any module of ours under a name; gives the process id."""
        command = [str(python), "-m", module, *arguments]
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)
        return self.processes[name].pid

    def last_words(self, name: str) -> str:
        """Read the end of what a process said."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-2000:]

    def stop(self, name: str) -> None:
        """End a process: SIGTERM, after 20 s SIGKILL."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    async def ready(self, path: str = "/readyz") -> None:
        """Wait until the gateway says that it is ready."""

        async def answers() -> bool:
            try:
                async with httpx2.AsyncClient(trust_env=False) as http:
                    return (await http.get(f"{self.url}{path}")).status_code == 200
            except httpx2.TransportError:
                return False

        await until(answers, within_s=60)

    @asynccontextmanager
    async def core(self, connections: int = 4) -> AsyncIterator[Core]:
        """Open the core in this process, on the same stores."""
        async with open_core(self.settings, connections=connections) as core:
            yield core


async def until(holds: Callable[[], Awaitable[bool]], *, within_s: float, each_s: float = 0.02) -> None:
    """Wait until the condition holds. Raises TimeoutError after the limit."""
    end = time.monotonic() + within_s
    while not await holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {within_s:g} s")
        await asyncio.sleep(each_s)


@contextmanager
def bus_on(parts: Urls, folder: Path) -> Iterator[Bus]:
    """Make a bus on the parts: prepared, without programs. Its processes and its database are gone afterwards."""
    name = f"b{uuid4().hex[:10]}"
    with psycopg.connect(parts.database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    port = free_port()
    ours = {
        "DATABASE_URL": urlunsplit(urlsplit(parts.database_url)._replace(path=f"/{name}")),
        "KAFKA_BOOTSTRAP": parts.kafka_bootstrap,
        "SCHEMA_REGISTRY_URL": parts.schema_registry_url,
        "TICKETBUS_NAMESPACE": name,
        "TICKETBUS_HTTP_PORT": str(port),
        "TICKETBUS_URL": f"http://127.0.0.1:{port}",
        "TICKETBUS_TOKEN": TOKEN,
        "TICKETBUS_WEBHOOK_SECRETS": json.dumps({}),
        "TICKETBUS_DATA": str(folder),
    }
    with patch.dict(os.environ, ours):
        settings = load()
    bus = Bus(settings=settings, environment=os.environ | ours, folder=folder)
    try:
        asyncio.run(prepare(settings))
        yield bus
    finally:
        for process in bus.processes.values():
            process.kill()
            process.wait()
        with psycopg.connect(parts.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def free_port() -> int:
    """Find a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
