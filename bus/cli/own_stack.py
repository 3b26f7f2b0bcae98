"""A real stack of one command's own: started in a temporary directory, gone afterwards, and never somebody's bus."""

import os
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from rich.console import Console

    from bus.app import Core
    from bus.gateway.auth.roles import Role
    from bus.settings import Settings

LOG_LINES = 5
_KEPT = "TICKETBUS_CACHE"


class OutsideSystems(Protocol):
    """The systems around the bus, which listen before it starts."""

    def write_files(self, folder: Path) -> Mapping[str, str]:
        """Write the files that name them; give the variables that the programs need to go by them."""
        ...


Around = TypeVar("Around", bound=OutsideSystems)
Scenario = Callable[["Settings", Around], Coroutine[Any, Any, None]]


def play_on_own_stack(
    scratch: Path,
    console: "Console",
    listening: Callable[[], AbstractAsyncContextManager[Around]],
    scenario: "Callable[[Settings, Around], Coroutine[Any, Any, None]]",
) -> None:
    """Start a stack that nothing of this shell's settings reaches, play, stop it whatever happens."""
    import asyncio
    from contextlib import AsyncExitStack

    from bus.app import prepare
    from bus.cli.stack import PROGRAMS
    from bus.lent_settings import borrow
    from bus.local.download_bar import DownloadBar
    from bus.local.parts import program
    from bus.local.stack import LocalStack

    def say(line: str) -> None:
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

    console.print("启动真实的本地栈:PostgreSQL、Apache Kafka、Schema Registry、网关、Worker", style="bold")
    say("starting a real local stack: PostgreSQL, Apache Kafka, schema registry, gateway, worker")
    with asyncio.Runner() as runner:
        ears = AsyncExitStack()
        # The worker is told where they listen, so they do before it starts.
        systems = runner.run(ears.enter_async_context(listening()))
        settings = own_settings(systems.write_files(scratch))
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
            runner.run(_played(ears, scenario(borrow(settings, stack.state.lends), systems)))
        finally:
            runner.close()  # before the stack: also who was cut off in the middle lets go of it in order
            say("\n停止本地栈 / stopping the stack")
            stack.stop()


@contextmanager
def own_scratch(
    prefix: str, console: "Console", broke_off: Callable[[Exception], str], failures: tuple[type[Exception], ...]
) -> Iterator[Path]:
    """Give a directory that is gone afterwards.

    The command ends with 1 on one of the failures, after its line and the programs' last words; with 130 on Ctrl-C.
    """
    import shutil
    import tempfile

    import typer

    end_as_by_ctrl_c()
    scratch = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield scratch
    except failures as failure:
        console.print(f"\n✗ {broke_off(failure)}", style="red", markup=False, soft_wrap=True)
        _last_words(scratch, console)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def end_as_by_ctrl_c() -> None:
    """Let the other signals that end a command end it as Ctrl-C does: everything is stopped on the way out."""
    import signal

    # Who starts it in the background of a script has told it to ignore SIGINT, and so what is turned into one.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for each in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(each, lambda *_: signal.raise_signal(signal.SIGINT))


async def let_in(core: "Core", names: "Mapping[Role, str]") -> "Mapping[Role, str]":
    """Let clients in, one a role, each with a token of its own; gives the tokens. They speak for any person."""
    import secrets

    from bus.gateway.auth.binding import Binding
    from bus.gateway.auth.clients import bind_client, ensure_client
    from bus.gateway.auth.roles import Role

    tokens = {role: secrets.token_urlsafe(32) for role in names}
    for role, token in tokens.items():
        await ensure_client(core.pool, names[role], role, token)
        if role is not Role.HOST:
            await bind_client(core.pool, names[role], Binding(bound=True, on_behalf=True))
    return tokens


def _last_words(scratch: Path, console: "Console") -> None:
    """Show the end of what the bus's own programs wrote: the directory is about to go."""
    from bus.cli.stack import PROGRAMS

    for log in (scratch / "stack" / "logs" / f"{name}.log" for name in PROGRAMS):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:] if log.exists() else []
        console.print(f"--- {log.name}", *lines, sep="\n", markup=False, highlight=False, soft_wrap=True)


async def _played(ears: "AsyncExitStack", scenario: Coroutine[Any, Any, None]) -> None:
    """Play; in the end nobody listens any more."""
    async with ears:
        await scenario


def own_settings(variables: Mapping[str, str]) -> "Settings":
    """Read settings as on a machine where only `variables` are set: the story must not land in somebody's real bus.

    The programs inherit them.
    """
    from bus import settings

    for variable in settings.variables().values():
        if variable != _KEPT:
            os.environ.pop(variable, None)
    os.environ.update(variables)
    return settings.load()
