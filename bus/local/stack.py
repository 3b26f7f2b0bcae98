"""The supervisor: starts the parts and then the programs, starts again what ends, stops everything in order."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

from filelock import FileLock, Timeout

from bus.lent_settings import borrow
from bus.local import jars, logs, parts, postgres, quick_start, schema_registry
from bus.local import state as states
from bus.local.databases import make_databases
from bus.local.failures import AlreadyRunning, LocalStackError, StartInterrupted
from bus.local.leftovers import stop_leftovers
from bus.local.parts import LocalPart, Program
from bus.local.permissions import close_to_others
from bus.local.ports import PortClaims
from bus.local.process import Child, myself, stop_all
from bus.settings import Settings

_POLL_S: Final = 0.1
_BACKOFF_S_MAX: Final = 30.0
_STEADY_S: Final = 60.0  # who ran this long begins again with the shortest pause
_LOG_CHECK_S: Final = 15.0
_LOCK_FILE: Final = "stack.lock"

Prepare = Callable[[Settings], Awaitable[None]]
Say = Callable[[str], None]


@dataclass(slots=True, kw_only=True)
class Kept:
    """A part that is kept running, and its present process."""

    part: LocalPart
    child: Child
    since: float
    backoff_s: float = 1.0
    again_at: float | None = None


@dataclass(slots=True, kw_only=True)
class LocalStack:
    """One stack on one data directory. For the main thread alone: children die with the thread that starts them."""

    data: Path
    settings: Settings
    prepare: Prepare | None = None
    programs: Sequence[Program] = ()
    say: Say = lambda _line: None
    watch: jars.DownloadProgress | None = None
    state: states.StackState = field(default_factory=states.StackState, init=False)
    _kept: list[Kept] = field(default_factory=list, init=False)
    _lock: FileLock | None = field(default=None, init=False)
    _claims: PortClaims | None = field(default=None, init=False)
    _stopping: threading.Event = field(default_factory=threading.Event, init=False)
    _signals: int = field(default=0, init=False)
    _interruptible: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.data = self.data.expanduser().resolve()

    def run(self) -> None:
        """Start, keep running until SIGINT, SIGTERM or SIGHUP, stop. A second signal stops at once."""
        before = {each: signal.signal(each, self._on_signal) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            self.start()
            logs_at = time.monotonic()
            while not self._stopping.wait(_POLL_S):
                self.keep()
                if time.monotonic() - logs_at > _LOG_CHECK_S:
                    logs.bound(self.data / "logs")
                    logs_at = time.monotonic()
            self.say("stopping")
        finally:
            self.stop()
            for each, handler in before.items():
                signal.signal(each, handler)

    def start(self) -> None:
        """Start what is embedded, prepare it, start the programs; return when all answer.

        Raises AlreadyRunning, or LocalStackError after stopping what had been started.
        """
        begun = time.monotonic()
        self._take_directory()
        try:
            self._start_parts()
            if self.prepare is not None:
                asyncio.run(self._prepare(self.prepare))
            self._start_all(parts.wanted_programs(self.programs, self.state, self.data))
        except BaseException:
            self.stop()
            raise
        self.state.phase = "ready"
        self._save()
        self.say(f"ready in {time.monotonic() - begun:.1f} s{self._where()}")

    def stop(self) -> None:
        """Stop the programs, then the registry, Kafka, PostgreSQL; leave no process. Idempotent; blocks."""
        if self._lock is None:
            return
        self.state.phase = "stopping"
        self._save()
        own = [each for each in self._kept if each.part.name not in parts.REPLACED_BY]
        order = [own, *([each] for each in reversed(self._kept) if each not in own)]
        for group in order:
            grace_s = max((each.part.grace_s for each in group), default=0.0)
            killed = stop_all([each.child for each in group], grace_s=grace_s, hurried=lambda: self._signals > 1)
            for name in killed:
                self.say(f"{name} did not stop in time and was killed")
        self._kept.clear()
        self.state.processes, self.state.supervisor, self.state.lends = {}, None, {}
        self.state.phase = "stopped"
        self._save()
        if self._claims is not None:
            self._claims.release()
        self._lock.release()
        self._lock = None

    def keep(self) -> None:
        """Start again, after a growing pause, what has ended. Call it often; does not block for long."""
        now = time.monotonic()
        for each in self._kept:
            code = each.child.ended()
            if code is None:
                continue
            if each.again_at is None:
                each.backoff_s = 1.0 if now - each.since > _STEADY_S else min(each.backoff_s * 2, _BACKOFF_S_MAX)
                each.again_at = now + each.backoff_s
                self.say(f"{each.part.name} ended with {code}; starting it again in {each.backoff_s:.0f} s")
                self.say(f"  its log, {each.child.log}, ends with:\n{each.child.last_words(3)}")
            elif now >= each.again_at:
                each.child, each.since, each.again_at = each.part.start(), now, None
                self.state.processes[each.part.name] = each.child.identity
                self.state.restarts[each.part.name] = self.state.restarts.get(each.part.name, 0) + 1
                self._save()
                self.say(f"{each.part.name} started again")

    def _take_directory(self) -> None:
        os.umask(0o077)  # Kafka's segments and the logs hold names and phones
        self.data.mkdir(parents=True, exist_ok=True)
        close_to_others(self.data)
        lock = FileLock(self.data / _LOCK_FILE, timeout=0, is_singleton=False)
        try:
            lock.acquire()
        except Timeout:
            other = states.load(self.data)
            raise AlreadyRunning(str(self.data), other.supervisor.pid if other and other.supervisor else None) from None
        try:
            self.state = states.load(self.data) or states.StackState()
        except LocalStackError:
            lock.release()
            raise
        self._lock = lock
        # Take over from a supervisor that was killed: what it left stops before anything starts on its files.
        stop_leftovers(self.state, self.say)
        self.state.processes = {}
        logs.bound(self.data / "logs")
        self.state.phase, self.state.supervisor, self.state.restarts = "starting", myself(), {}
        self._save()

    def _start_parts(self) -> None:
        self.settings = parts.without_own(self.settings, self.state)
        names = parts.embedded(self.settings)
        self._check_interrupted()
        self._claims = PortClaims(self.settings.cache)
        wanted = parts.ports_wanted(names, programs=bool(self.programs))
        fixed = {"http": self.settings.http_port} if "http_port" in self.settings.model_fields_set else {}
        self.state.ports |= self._claims.claim(wanted, self.state.ports, fixed=fixed)
        self.state.outside = [name for name in parts.REPLACED_BY if name not in names]
        for name in self.state.outside:
            self.say(f"{name} is not started: {parts.REPLACED_BY[name].upper()} names an outside one")
        self.state.lends = parts.lends(self.settings, self.state, programs=bool(self.programs))
        self._save()
        at_once = [name for name in names if name == postgres.NAME]  # it needs no archives, and comes up meanwhile
        started = [self._launch(part) for part in parts.wanted_parts(self.data, at_once, self.state, None, None)]
        java = [name for name in names if name != postgres.NAME]
        archives, quick = self._provide() if java else (None, None)
        local_parts = parts.wanted_parts(self.data, java, self.state, archives, quick)
        later = [self._launch(part) for part in local_parts if part.name != schema_registry.NAME]
        if started:  # the registry needs its database
            self._await(started)
            make_databases(port=self.state.ports["postgres"], secrets=self.state.secrets)
        later += [self._launch(part) for part in local_parts if part.name == schema_registry.NAME]
        self._await(later)

    def _provide(self) -> tuple[jars.Jars, quick_start.QuickStart]:
        """Fetch or check what Java is started from; a signal ends it at once."""
        self._interruptible = True
        archives = jars.provide(self.settings.cache, watch=self.watch)
        quick = quick_start.provide(self.settings.cache, archives, say=self.say)
        self._interruptible = False
        self._check_interrupted()
        return archives, quick

    def _start_all(self, wanted: Sequence[LocalPart]) -> None:
        self._await([self._launch(part) for part in wanted])

    def _launch(self, part: LocalPart) -> Kept:
        self._check_interrupted()
        kept = Kept(part=part, child=part.start(), since=time.monotonic())
        self._kept.append(kept)
        self.state.processes[part.name] = kept.child.identity
        self._save()
        return kept

    def _await(self, started: Sequence[Kept]) -> None:
        """Wait until all answer that can be asked. Whatever ends meanwhile, also after it answered, ends the start."""
        waiting = {each.part.name: each.part.answers for each in started if each.part.answers}
        while True:
            for each in started:
                name, took_s = each.part.name, time.monotonic() - each.since
                if (code := each.child.ended()) is not None:
                    raise LocalStackError(f"{name} ended with {code} while starting:\n{each.child.last_words()}")
                if name in waiting and waiting[name]():
                    self.say(f"{name} answers after {took_s:.1f} s")
                    del waiting[name]
                elif name in waiting and took_s > each.part.answer_s_max:
                    raise LocalStackError(f"{name} does not answer after {took_s:.0f} s:\n{each.child.last_words()}")
            self._check_interrupted()
            if not waiting:
                break
            time.sleep(_POLL_S / 2)
        for each in started:
            if not each.part.answers:
                self.say(f"{each.part.name} runs")

    async def _prepare(self, prepare: Prepare) -> None:
        task = asyncio.ensure_future(prepare(borrow(self.settings, self.state.lends)))
        while not task.done():
            await asyncio.wait({task}, timeout=_POLL_S)
            if self._stopping.is_set():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
                raise StartInterrupted
        await task

    def _where(self) -> str:
        gateway = f"; the gateway is at {self.state.lends['url']}" if "url" in self.state.lends else ""
        return f"{gateway}; addresses and token: ticketbus env --data {self.data}"

    def _check_interrupted(self) -> None:
        if self._stopping.is_set():
            raise StartInterrupted

    def _save(self) -> None:
        states.save(self.data, self.state)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._signals += 1
        self._stopping.set()
        if self._interruptible:  # downloads take minutes and look at no flag
            self._interruptible = False
            raise StartInterrupted


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """Where the parts of a running stack are; `admin_url` is the superuser's, or where there is none the bus's own."""

    admin_url: str
    database_url: str
    kafka_bootstrap: str
    schema_registry_url: str
    schema_registry_basic_auth: str | None


@contextlib.contextmanager
def running_parts(data: Path, *, settings: Settings | None = None, say: Say = lambda _line: None) -> Iterator[Urls]:
    """Run the parts alone, without programs, for as long as the block lasts. Blocks while starting and stopping."""
    stack = LocalStack(data=data, settings=settings or Settings(), say=say)
    stack.start()
    try:
        lent, ports = stack.state.lends, stack.state.ports
        embedded = postgres.NAME not in stack.state.outside
        yield Urls(
            admin_url=postgres.admin_url(port=ports["postgres"], password=stack.state.secrets.database_password)
            if embedded
            else lent["database_url"],
            database_url=lent["database_url"],
            kafka_bootstrap=lent["kafka_bootstrap"],
            schema_registry_url=lent["schema_registry_url"],
            schema_registry_basic_auth=lent["schema_registry_basic_auth"],
        )
    finally:
        stack.stop()
