"""What was measured on: the machine, and the versions that a figure depends on."""

import os
import platform
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import psutil
import psycopg

from bus.local.stack import Urls

_LIBRARIES = ("aiokafka", "faust-streaming", "fastavro", "psycopg", "uvicorn")


def describe(parts: Urls) -> list[str]:
    """Give lines that say what the figures were measured on, and how busy it was before."""
    with psycopg.connect(parts.database_url) as connection:
        row = connection.execute("SELECT current_setting('server_version'), current_setting('fsync')").fetchone()
    assert row
    load = ", ".join(f"{one:.1f}" for one in psutil.getloadavg())
    memory_gib = psutil.virtual_memory().total / 2**30
    return [
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, load before: {load}",
        f"{processor()}, {os.cpu_count()} cores, {memory_gib:.0f} GiB, {platform.system()} {platform.release()}",
        f"Python {platform.python_version()}, PostgreSQL {row[0]} (fsync {row[1]}), "
        + ", ".join(f"{name} {version(name)}" for name in _LIBRARIES),
        "bus, parts and load generators share these cores",
    ]


def processor() -> str:
    """Name the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def cpu_s(process: psutil.Process) -> float:
    """Give the CPU that a process has taken so far, in seconds; 0 of one that has gone."""
    with suppress(psutil.NoSuchProcess):
        return float(sum(process.cpu_times()[:2]))
    return 0.0
