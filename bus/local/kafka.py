"""The embedded Apache Kafka: one KRaft node, broker and controller, on loopback."""

import os
import socket
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bus.local.failures import LocalStackError
from bus.local.java import java
from bus.local.process import Child, spawn

NAME: Final = "kafka"
HEAP_MB: Final = 512
_API_VERSIONS: Final = struct.pack(">hhih", 18, 0, 1, -1)  # request 18 in version 0, correlation id 1, no client id

_LOGGING: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{ISO8601} %p %c: %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
logger.server.name = kafka.server
logger.server.level = info
"""


def bootstrap(*, port: int) -> str:
    """Answer what clients connect to."""
    return f"127.0.0.1:{port}"


def properties(directory: Path, *, port: int, controller_port: int) -> str:
    """Answer server.properties. They name the quorum, the log does not: ports may change between starts."""
    lines = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": directory,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 8,  # of 50: one machine, and a first consumer waits until they are made
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 4,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "log.cleaner.dedupe.buffer.size": 16_777_216,  # the default is a quarter of the heap
    }
    return "".join(f"{name}={value}\n" for name, value in lines.items())


def configure(data: Path, *, port: int, controller_port: int) -> Path:
    """Write the broker's files for these ports; answer the path of server.properties. Idempotent."""
    home = data / "kafka"
    home.mkdir(parents=True, exist_ok=True)
    (home / "log4j2.properties").write_text(_LOGGING)
    path = home / "server.properties"
    path.write_text(properties(home / "log", port=port, controller_port=controller_port))
    return path


def start(data: Path, *, jars: Sequence[Path], cluster: str, quick_start: Path | None, logs: Path) -> Child:
    """Format the log directory unless it is, and start the configured broker. Does not wait until it answers."""
    home = data / "kafka"
    if not (home / "log" / "meta.properties").exists():
        format_log(home, jars=jars, cluster=cluster)
    command = java_command(home, jars=jars, quick_start=quick_start, main="kafka.Kafka")
    return spawn(NAME, [*command, str(home / "server.properties")], log=logs / "kafka.log", cwd=home)


def java_command(
    home: Path, *, jars: Sequence[Path], main: str, quick_start: Path | None = None, options: Sequence[str] = ()
) -> list[str]:
    """Answer the command line of one of Kafka's classes, its arguments still to be added."""
    return java(
        heap_mb=HEAP_MB,
        quick_start=quick_start,
        options=[f"-Dlog4j2.configurationFile={home / 'log4j2.properties'}", *options],
        run=["-cp", os.pathsep.join(map(str, jars)), main],
    )


def answers(*, port: int, timeout_s: float = 1.0) -> bool:
    """Say whether the broker answers requests: the port opens a little before it does."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
            connection.sendall(struct.pack(">i", len(_API_VERSIONS)) + _API_VERSIONS)
            return len(connection.recv(8)) == 8
    except OSError:
        return False


def format_log(home: Path, *, jars: Sequence[Path], cluster: str, options: Sequence[str] = ()) -> None:
    """Make the log directory of the configured broker. Idempotent; blocks for about 2 s."""
    tool = java_command(home, jars=jars, main="kafka.tools.StorageTool", options=["-XX:TieredStopAtLevel=1"])
    done = subprocess.run(
        [*tool, "format", "--ignore-formatted", "-t", cluster, "-c", str(home / "server.properties"), *options],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if done.returncode != 0:
        raise LocalStackError(
            f"Kafka's log directory cannot be formatted: {done.stderr.strip() or done.stdout.strip()}"
        )
