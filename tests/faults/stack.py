"""The stack of the fault tests: PostgreSQL, one broker or three, and a registry, each of which can be made to fail."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psutil
import psycopg

from bus.local import jars, postgres, quick_start, schema_registry
from bus.local.databases import make_databases
from bus.local.ports import PortClaims
from bus.local.process import Child, stop_all
from bus.local.stack import Urls
from bus.local.state import Secrets
from bus.settings import Settings
from tests.bus_under_test import Bus, bus_on
from tests.faults.cluster import Cluster, make_cluster
from tests.proxy import Proxy, proxy_to
from tests.stack import fresh_data

ANSWER_S_MAX = 180.0
_TERMINATE = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"""


@dataclass(slots=True, kw_only=True)
class Database:
    """A PostgreSQL of the fault tests' own. For the main thread alone."""

    data: Path
    port: int
    secrets: Secrets = field(default_factory=Secrets)
    child: Child | None = None

    @property
    def url(self) -> str:
        """Name the database that tests make theirs beside."""
        return postgres.url(port=self.port, password=self.secrets.bus_database_password)

    @property
    def admin_url(self) -> str:
        """Name the superuser's."""
        return postgres.admin_url(port=self.port, password=self.secrets.database_password)

    def start(self) -> None:
        """Start the server unless it runs, and wait until it answers."""
        if self.child is None or self.child.ended() is not None:
            password, logs = self.secrets.database_password, self.data / "logs"
            self.child = postgres.start(self.data, port=self.port, password=password, logs=logs)
        _await(self._answers, self.child)

    def stop(self) -> None:
        """Stop the server at once, without a checkpoint, as `pg_ctl -m immediate` does; idempotent."""
        if self.child is not None and self.child.ended() is None:
            self.child.popen.send_signal(signal.SIGQUIT)
            self.child.popen.wait(120)
        self.child = None

    def pause(self) -> None:
        """Let the server and all its backends stand still, with all connections open (SIGSTOP)."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let them go on (SIGCONT); idempotent."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: signal.Signals) -> None:
        assert self.child is not None, "it runs"
        server = psutil.Process(self.child.popen.pid)
        for process in (server, *server.children(recursive=True)):  # the one that starts others first
            process.send_signal(number)

    def restart_immediate(self) -> None:
        """Stop the server at once and start it again: it recovers from its log."""
        self.stop()
        self.start()

    def terminate_backends(self, bus: Bus) -> int:
        """Cut every connection to a bus's database from the server's side; answers how many there were."""
        name = urlsplit(bus.settings.database_url or "").path.removeprefix("/")
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            return len(connection.execute(_TERMINATE, (name,)).fetchall())

    def _answers(self) -> bool:
        return postgres.answers(port=self.port, password=self.secrets.database_password)


@dataclass(slots=True, kw_only=True)
class FaultStack:
    """All parts. For the main thread alone: children die with the thread that starts them."""

    database: Database
    cluster: Cluster
    registry_urls: str
    registry_password: str
    start_registry: Callable[[], Child]
    children: list[Child] = field(default_factory=list)

    @property
    def urls(self) -> Urls:
        """Say where the parts are."""
        return Urls(
            admin_url=self.database.admin_url,
            database_url=self.database.url,
            kafka_bootstrap=self.cluster.bootstrap,
            schema_registry_url=self.registry_urls,
            schema_registry_basic_auth=schema_registry.basic_auth(self.registry_password),
        )

    def begin(self) -> None:
        """Start all parts and wait until they answer."""
        self.cluster.begin()  # it comes up meanwhile
        self.database.start()
        make_databases(port=self.database.port, secrets=self.database.secrets)
        self.heal()

    def heal(self) -> None:
        """Start what is down, and wait until all parts answer and the cluster is whole. Not for a running loop."""
        self.cluster.heal()
        self.database.start()
        if not self.children or self.children[-1].ended() is not None:
            self.children.append(self.start_registry())
        port = urlsplit(self.registry_urls).port or 0
        _await(lambda: schema_registry.answers(port=port), self.children[-1])
        asyncio.run(self.cluster.ready())

    def stop(self) -> None:
        """Stop all parts; nothing of them is needed any more."""
        self.cluster.stop()
        stop_all(self.children, grace_s=0)
        self.database.stop()

    @contextmanager
    def bus(self, folder: Path) -> Iterator[Bus]:
        """Make a bus with a database and a namespace of its own; afterwards every part is whole again."""
        try:
            with bus_on(self.urls, folder) as made:
                yield made
        finally:
            self.heal()


@contextmanager
def running_stack(*, brokers: int) -> Iterator[FaultStack]:
    """Run a stack for as long as the block lasts. Blocks for about 10 s, of three brokers 20 s, while starting."""
    cache = Settings().cache
    archives = jars.provide(cache)
    quick, claims = quick_start.provide(cache, archives), PortClaims(cache)
    with fresh_data() as data:
        ports = claims.claim(("postgres", "registry"), {}, fixed={})
        database = Database(data=data, port=ports["postgres"])
        stack = FaultStack(
            database=database,
            cluster=make_cluster(data, count=brokers, jars=archives, quick=quick, claims=claims),
            registry_urls=schema_registry.url(port=ports["registry"]),
            registry_password=database.secrets.registry_password,
            start_registry=lambda: schema_registry.start(
                data,
                home=archives.registry_home,
                port=ports["registry"],
                password=database.secrets.registry_password,
                database=(ports["postgres"], database.secrets.registry_database_password),
                quick_start=quick.registry,
                logs=data / "logs",
            ),
        )
        try:
            stack.begin()
            yield stack
        finally:
            stack.stop()
            claims.release()


@asynccontextmanager
async def behind_proxy(bus: Bus) -> AsyncIterator[tuple[Bus, Proxy]]:
    """Give the same bus with its database behind a proxy, to be cut and mended; the test's own queries go past it.

    The proxy lives in the test's loop: let nothing block that while programs run behind it.
    """
    parts = urlsplit(bus.environment["DATABASE_URL"])
    user = parts.netloc.rsplit("@", 1)[0]
    async with proxy_to(parts.hostname or "", parts.port or 0) as proxy:
        url = urlunsplit(parts._replace(netloc=f"{user}@127.0.0.1:{proxy.port}"))
        yield replace(bus, environment={**bus.environment, "DATABASE_URL": url}, processes=bus.processes), proxy


def _await(answers: Callable[[], bool], child: Child) -> None:
    until = time.monotonic() + ANSWER_S_MAX
    while not answers():
        assert child.ended() is None, f"{child.name} ended: {child.last_words()}"
        assert time.monotonic() < until, f"{child.name} does not answer: {child.last_words()}"
        time.sleep(0.05)
