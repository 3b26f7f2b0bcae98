"""`python -m bench`: measures on parts of its own, or on those that the environment names, suite after suite."""

import argparse
import asyncio
import gc
import importlib
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterable
from pathlib import Path
from time import monotonic
from typing import Final

from bench import machine, report
from bench.bus import bus_on, may_look
from bench.figure import Figure, json_line
from bus.cli.run import GC_THRESHOLDS
from bus.local.stack import Urls, running_parts
from bus.observability.logging import configure
from bus.settings import load

SUITES: Final = (
    "history",
    "relay",
    "stages",
    "peers",
    "http",
    "webhooks",
    "console",
    "board",
    "hops",
    "behind",
    "idle",
    "growth",
    "deliveries",
    "backlog",
    "expecting",
    "missing",
    "deadlines",
)
SCALE: Final = ("scale", "million", "audit", "tracing", "archive")


def main() -> None:
    """Measure, print a line of JSON for each figure, then the table."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "suites",
        nargs="*",
        metavar="SUITE",
        help=f"{' '.join((*SUITES, *SCALE))}; all but {' and '.join(SCALE)} if none",
    )
    parser.add_argument(
        "--scale", action="store_true", help="a million tickets and a million deliveries too: half an hour more"
    )
    parser.add_argument(
        "--write",
        type=Path,
        metavar="FILE",
        help="keep the table between the marks of this document, those of the suites if named",
    )
    chosen = parser.parse_args()
    if unknown := {*chosen.suites} - {*SUITES, *SCALE}:
        parser.error(f"no such suite: {', '.join(sorted(unknown))}")
    suites = chosen.suites or [*SUITES, *(SCALE if chosen.scale else ())]
    configure("bench", level="critical")  # what an import refuses is found and said, and stdout is for figures
    gc.set_threshold(*GC_THRESHOLDS)  # as every program does; what is measured in this process beside ours has it too
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C does: what was started ends with the bench
    with (
        tempfile.TemporaryDirectory(prefix="ticketbus-bench-") as folder,
        running_parts(Path(folder) / "parts", settings=load(), say=_say) as parts,
    ):
        may_look(parts)
        described = machine.describe(parts)
        figures, failed = _measured(suites, parts, Path(folder))
    report.show(figures, described)
    if chosen.write:
        report.write(chosen.write, figures, described, chosen.suites)
    sys.exit(1 if failed else 0)


def _measured(suites: Iterable[str], parts: Urls, folder: Path) -> tuple[list[Figure], list[str]]:
    """Give the figures, and the suites that failed: what others measured is kept."""
    figures, failed = list[Figure](), list[str]()
    for suite in suites:
        measure = importlib.import_module(f"bench.{suite}").run
        (folder / suite).mkdir()
        _say(f"measuring {suite}")
        began = monotonic()
        try:
            with bus_on(parts, folder / suite) as bus:
                found = asyncio.run(measure(bus))
        except Exception:  # noqa: BLE001 - whatever it is, it is said, and the other suites are measured
            traceback.print_exc()
            failed.append(suite)
            continue
        figures += found
        print("\n".join(map(json_line, found)), flush=True)
        _say(f"{suite} took {monotonic() - began:.0f} s")
    return figures, failed


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
