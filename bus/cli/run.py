"""How a command runs something asynchronous with the settings resolved: on Ctrl-C it ends quietly with 130."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bus.settings import Settings, load, resolve

Result = TypeVar("Result")


def resolved(data: Path | None) -> Settings:
    """Read the settings, filled from the local stack that runs in `data`."""
    return resolve(load(), data.expanduser().resolve() if data else None)


def run(main: Awaitable[Result]) -> Result:
    """Run to the end. Raises typer.Exit(130) on Ctrl-C."""

    async def whole() -> Result:
        return await main

    try:
        return asyncio.run(whole())
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


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
    typer.echo(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")
