"""`ticketbus demo`: the story on a real stack of its own, which is gone afterwards."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from adapters.stand_ins.narrator import Narrator
    from bus.settings import Settings

commands = typer.Typer()

STORY_S_MAX = 90.0
LOG_LINES = 5
KEPT = "TICKETBUS_CACHE"


@commands.command()
def demo() -> None:
    """Tell the story on the real stack, step by step, and end with the trace of one ticket; needs no set-up.

    Starts a stack of its own in a temporary directory and leaves nothing running. Exits 1 when something failed.

    Example: ticketbus demo
    """
    import shutil
    import signal
    import tempfile

    from rich.console import Console

    from adapters.stand_ins.asking import NoAnswer
    from adapters.stand_ins.engineer_app import SubscriptionRefused
    from adapters.stand_ins.narrator import StoryFailed
    from bus.errors import BusError

    for each in (signal.SIGTERM, signal.SIGHUP):  # both end it as Ctrl-C does: everything is stopped on the way out
        signal.signal(each, signal.default_int_handler)
    console = Console()
    scratch = Path(tempfile.mkdtemp(prefix="ticketbus-demo-"))
    try:
        _on_own_stack(scratch, console)
    except (StoryFailed, NoAnswer, SubscriptionRefused, BusError, TimeoutError) as failure:
        said = str(failure) or f"{STORY_S_MAX:.0f} s were not enough"
        console.print(f"\n✗ 演示失败 / the demo failed: {said}", style="red", markup=False, soft_wrap=True)
        _last_words(scratch, console)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _on_own_stack(scratch: Path, console: "Console") -> None:
    """Start a stack that nothing of this shell's settings reaches, play, stop it whatever happens."""
    import asyncio

    from adapters.stand_ins.narrator import Narrator
    from bus.app import prepare
    from bus.cli.stack import PROGRAMS
    from bus.local.download_bar import DownloadBar
    from bus.local.parts import program
    from bus.local.stack import LocalStack
    from bus.settings import borrow

    def say(line: str) -> None:
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

    begun = time.monotonic()
    console.print("启动真实的本地栈:PostgreSQL、Apache Kafka、Schema Registry、网关、Worker", style="bold")
    say("starting a real local stack: PostgreSQL, Apache Kafka, schema registry, gateway, worker")
    settings = _untouched_settings()
    stack = LocalStack(
        data=scratch / "stack",
        settings=settings,
        prepare=prepare,
        programs=[program(name) for name in PROGRAMS],
        say=lambda line: say(f"  {line}"),
        watch=DownloadBar(),
    )
    stack.start()
    try:
        asyncio.run(_told(borrow(settings, stack.state.lends), scratch, Narrator(console)))
    finally:
        say("\n停止本地栈 / stopping the stack")
        stack.stop()
    took = f"{time.monotonic() - begun:.0f} s"
    console.print(f"演示结束,没有留下任何进程 / done, nothing is left running ({took})", style="bold green")


def _untouched_settings() -> "Settings":
    """Read settings as on a machine where none is set: the story must not land in somebody's real bus."""
    from bus.settings import load, variables

    for variable in variables().values():
        if variable != KEPT:
            os.environ.pop(variable, None)
    return load()


async def _told(settings: "Settings", scratch: Path, tell: "Narrator") -> None:
    """Let the players in with tokens of their own, play, and trace the ticket."""
    import asyncio
    import secrets

    from adapters.stand_ins.story import Stage, play
    from bus.app import require
    from bus.gateway.clients import ensure_client
    from bus.gateway.roles import Role
    from bus.postgres.pool import open_pool

    tokens = {role: secrets.token_urlsafe(32) for role in (Role.DISPATCHER, Role.ENGINEER)}
    async with open_pool(require(settings, "database_url"), size=1) as pool:
        for role, token in tokens.items():
            await ensure_client(pool, f"demo-{role.value}", role, token)
    stage = Stage(
        url=require(settings, "url"),
        crm_secret=settings.webhook_secrets["crm"][0].get_secret_value(),
        dispatcher_token=tokens[Role.DISPATCHER],
        engineer_token=tokens[Role.ENGINEER],
        scratch=scratch,
    )
    async with asyncio.timeout(STORY_S_MAX):
        await play(stage, tell)


def _last_words(scratch: Path, console: "Console") -> None:
    """Show the end of what the bus's own programs wrote: the directory is about to go."""
    from bus.cli.stack import PROGRAMS

    for log in (scratch / "stack" / "logs" / f"{name}.log" for name in PROGRAMS):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        console.print(f"--- {log.name}", *lines, sep="\n", markup=False, highlight=False, soft_wrap=True)
