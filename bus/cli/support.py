"""`ticketbus support bundle`: what somebody who helps from afar needs to see."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.settings import Settings
    from bus.support.bundle import ManifestEntry

commands = typer.Typer(name="support", help="What somebody who helps from afar needs to see.", no_args_is_help=True)
SUFFIX = ".tar.gz"


@commands.callback()
def _group() -> None:
    """Take what stands before the command."""


@commands.command()
def bundle(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Where to write it, .tar.gz; else here, by the time."),
    ] = None,
    data: Data = None,
) -> None:
    """Pack doctor, versions, settings, programs, topics, lags, sizes, metrics and logs into one file to hand on.

    Without personal data and secrets: no ticket, letter, request, token or key is in it, and of logs only what cannot
    quote one. `manifest.json` in it says what is in and what was left out, and why. Look at it before you send it.
    What cannot be read is left out and named; exits 0 all the same.

    Example: ticketbus support bundle /tmp/ticketbus.tar.gz && tar -tzf /tmp/ticketbus.tar.gz
    """
    from bus.cli.run import run
    from bus.lent_settings import lent_by, resolve
    from bus.observability.logging import configure
    from bus.settings import load

    path = file or Path(f"ticketbus-support-{time.strftime('%Y%m%d-%H%M%S')}{SUFFIX}")
    if not path.name.endswith(SUFFIX):
        raise typer.BadParameter(f"the name ends in {SUFFIX}", param_hint="FILE")
    if path.exists():
        raise typer.BadParameter(f"{path} is there already", param_hint="FILE")
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no directory {path.parent}", param_hint="FILE")
    configure("command", level="error")
    given = load()
    directory = (data or given.data).expanduser().resolve()
    settings = resolve(given, directory if data and lent_by(directory) else None)
    for one in run(_bundled(path, given, settings, directory)):
        echo(f"{one.name:<24} {f'left out: {one.left_out}' if one.left_out else f'{one.bytes} bytes'}")
    echo(f"{path}: look at it before you hand it on / 交出前请先看一遍")


async def _bundled(path: Path, given: "Settings", settings: "Settings", directory: Path) -> "Sequence[ManifestEntry]":
    from contextlib import AsyncExitStack
    from importlib.metadata import version

    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import open_pool
    from bus.support.bundle import write_bundle
    from bus.support.cleaning import Cleaner, secrets_of
    from bus.support.parts import BundleSources

    now, cleaner = utc_now(), Cleaner(secrets_of(settings, os.environ))
    async with AsyncExitStack() as stack:
        pool = None
        if settings.database_url:
            pool = await stack.enter_async_context(open_pool(settings.database_url, size=2, answer_s_max=30.0))
        sources = BundleSources(
            given=given, settings=settings, pool=pool, data=directory, cleaner=cleaner, environment=os.environ, now=now
        )
        return await write_bundle(path, sources.parts(), cleaner, now, {"ticketbus": version("ticketbus")})
