"""How a command runs something asynchronous with the settings resolved: on Ctrl-C it ends quietly with 130."""

import asyncio
import gc
import getpass
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bus.cli.echo import echo
from bus.domain.errors import BusError
from bus.lent_settings import lent_by, resolve
from bus.settings import Settings, load

if TYPE_CHECKING:
    from bus.app import Core
    from bus.audit.bundle import BundleReport
    from bus.audit.check import AuditReport
    from bus.consistency.report import LogReport
    from bus.postgres.personal_keys import Reader

CONNECTIONS = 4
PATIENCE_S = 3.0  # with a PostgreSQL that is away: who sits at a terminal hears of it at once
INTERRUPTED = 130
# Objects made beyond those freed, then rounds until a wider one. With Python's own 700 every batch held at once
# is gone through several times over: 30 % of what folding the log costs (docs/performance.md).
GC_THRESHOLDS = (10_000, 10, 10)
Result = TypeVar("Result")
CheckReport: TypeAlias = "LogReport | AuditReport | BundleReport"


class NoStack(BusError):
    """A local stack was named by --data, and none runs there."""


def resolved(data: Path | None) -> Settings:
    """Read the settings, filled from the local stack in `data`. Raises NoStack when one was named that does not run."""
    directory = data.expanduser().resolve() if data else None
    if directory and not lent_by(directory):
        raise NoStack(f"no local stack runs in {directory}; start it with `ticketbus up --data {directory}`")
    return resolve(load(), directory)


def run(main: Awaitable[Result], *, loop: Callable[[], asyncio.AbstractEventLoop] | None = None) -> Result:
    """Run to the end, on Python's own kind of event loop unless another is given. Raises typer.Exit(130) on Ctrl-C."""

    async def whole() -> Result:
        return await main

    gc.set_threshold(*GC_THRESHOLDS)
    try:
        with asyncio.Runner(loop_factory=loop) as runner:
            return runner.run(whole())
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None


def with_core(data: Path | None, work: "Callable[[Core], Awaitable[Result]]", *, name: str = "") -> Result:
    """Run `work` on the core that the settings of `data` name; what it logs of errors goes to stderr, masked.

    PostgreSQL shows its connections by `name`, where there is one.

    Raises typer.Exit(130) on Ctrl-C.
    """
    from bus.app import open_core
    from bus.observability.logging import configure
    from bus.postgres.pool import APPLICATION

    configure("command", level="error")

    async def whole() -> Result:
        async with open_core(
            resolved(data), connections=CONNECTIONS, patience_s=PATIENCE_S, name=name or APPLICATION
        ) as core:
            return await work(core)

    return run(whole())


def shell_reader() -> "Reader":
    """Say who reads in clear from a shell: the user of the operating system."""
    from bus.intake.dispatch import utc_now
    from bus.postgres.personal_keys import Reader

    return Reader(client="shell", person=getpass.getuser(), at=utc_now())


def counting(what: str) -> tuple[Progress, Callable[[int], None]]:
    """Make a progress line that counts; it shows on a terminal only."""
    console = Console(stderr=True)
    progress = Progress(
        SpinnerColumn(),
        TextColumn(f"{what} {{task.completed:,.0f}}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    task = progress.add_task(what, total=None)
    return progress, lambda count: progress.update(task, completed=count)


def echo_json(value: Any) -> None:
    """Print one JSON object on one line; times as RFC 3339."""
    echo(json.dumps(value, ensure_ascii=False, default=_plain))


def echo_report(report: "CheckReport", **more: Any) -> None:
    """Print what a check came to, and `more`, as one JSON object; what it lists by the names of its fields."""
    echo_json({**asdict(report), **more, "listed": [one._asdict() for one in report.listed]})


def _plain(value: Any) -> Any:
    if isinstance(value, date):  # a datetime is one
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
