"""`ticketbus demo`: the story on a real stack of its own, which is gone afterwards."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.own_stack import let_in, own_scratch, play_on_own_stack

if TYPE_CHECKING:
    from adapters.simulators.demo.narrator import Narrator
    from adapters.simulators.demo.systems import DemoSystems
    from bus.app import Core
    from bus.delivery.status import TargetStatus
    from bus.domain.people import Person
    from bus.settings import Settings

commands = typer.Typer()

SCENARIO_S_MAX = 600.0  # a machine of its own needs a twentieth of it


@commands.command()
def demo(
    stay: Annotated[bool, typer.Option("--stay", help="Then keep it running, to look at in the console.")] = False,
) -> None:
    """Tell the story on the real stack, step by step, and end with the trace of one ticket; needs no set-up.

    Starts a stack of its own in a temporary directory and leaves nothing running. Exits 1 when something failed.

    Example: ticketbus demo --stay
    """
    from rich.console import Console

    import bus.local  # noqa: F401 - refuses, before anything has begun, where its libraries are not installed
    from adapters.simulators.demo.narrator import DemoFailed, Narrator
    from adapters.simulators.demo.systems import listening
    from adapters.simulators.engineer_app import SubscriptionRefused
    from adapters.simulators.patient_client import NoAnswer
    from bus.domain.errors import BusError

    def broke_off(failure: Exception) -> str:
        return f"演示失败 / the demo failed: {str(failure) or f'{SCENARIO_S_MAX:.0f} s were not enough'}"

    console = Console()
    failures = (DemoFailed, NoAnswer, SubscriptionRefused, BusError, TimeoutError)
    with own_scratch("ticketbus-demo-", console, broke_off, failures) as scratch:
        begun = time.monotonic()
        play_on_own_stack(
            scratch,
            console,
            listening,
            lambda settings, systems: _run_scenario(settings, scratch, systems, Narrator(console), stay=stay),
        )
        took = f"{time.monotonic() - begun:.0f} s"
        console.print(f"演示结束,没有留下任何进程 / done, nothing is left running ({took})", style="bold green")


async def _run_scenario(
    settings: "Settings", scratch: Path, systems: "DemoSystems", tell: "Narrator", *, stay: bool
) -> None:
    """Let the players in with tokens of their own and play; then wait for Ctrl-C, if asked to."""
    import asyncio

    from adapters.simulators.demo.scenario import DemoSystem, play
    from bus.app import open_core, require
    from bus.cli.demo_faults import DemoFaults
    from bus.gateway.auth.roles import Role

    roles = (Role.DISPATCHER, Role.ENGINEER, Role.HOST)
    async with open_core(settings, connections=1) as core:
        tokens = await let_in(core, {role: f"demo-{role.value}" for role in roles})
        stage = DemoSystem(
            url=require(settings, "url"),
            crm_secret=settings.webhook_secrets["crm"][0].get_secret_value(),
            dispatcher_token=tokens[Role.DISPATCHER],
            engineer_token=tokens[Role.ENGINEER],
            host_token=tokens[Role.HOST],
            scratch=scratch,
            systems=systems,
            operator=_Operator(core),
            faults=DemoFaults(core),
        )
        async with asyncio.timeout(SCENARIO_S_MAX):
            ticket_id = await play(stage, tell)
        await _show_pages(core, stage.url, ticket_id, tell, stay=stay)


async def _show_pages(core: "Core", url: str, ticket_id: str, tell: "Narrator", *, stay: bool) -> None:
    """Say where the pages are, and a token for them; wait there for Ctrl-C or SIGTERM, if asked to."""
    import asyncio
    import secrets

    from bus.gateway.auth.binding import Binding
    from bus.gateway.auth.clients import bind_client, ensure_client
    from bus.gateway.auth.roles import Role
    from bus.programs.lifecycle import stop_on_signals

    if not stay:
        tell.fact("在网页上看同样的内容", "to look at all of it in the console: ticketbus demo --stay")
        return
    name, token, stopping = "demo-console", secrets.token_urlsafe(32), asyncio.Event()
    await ensure_client(core.pool, name, Role.ADMIN, token)
    await bind_client(core.pool, name, Binding(bound=True, person="演示"))
    stop_on_signals(stopping)
    tell.fact("控制台,按 Ctrl-C 结束", "the console, until Ctrl-C")
    for path in ("now", f"tickets/{ticket_id}", "letters", "alerts"):
        tell.fact(f"{url}/console/{path}")
    tell.fact(f"令牌 token: {token}")
    await stopping.wait()


class _Operator:
    """Does what `ticketbus delivery` and `ticketbus deadletter` do, by the same functions."""

    def __init__(self, core: "Core") -> None:
        self._core = core

    async def target_status(self, target: str) -> "TargetStatus | None":
        from bus.delivery.status import target_statuses

        return next((one for one in await target_statuses(self._core.pool) if one.target == target), None)

    async def letter(self, target: str) -> Mapping[str, Any]:
        from deadletter.store import groups

        found = await groups(self._core.pool, origin=f"delivery:{target}")
        return await self._shown(found[0].sample) if found else {}

    async def apply_map(self, name: str, *, by: str, why: str) -> int:
        from adapters.mapped import versions
        from adapters.mapped.shipped import shipped
        from bus.postgres.pool import in_transaction

        return await in_transaction(self._core.pool, versions.apply, name, shipped(name), by=by, why=why)

    async def keep_people(self, people: "Sequence[Person]", *, by: str) -> None:
        from bus.domain.decided import Decided
        from bus.intake.dispatch import utc_now
        from bus.programs.people import directory_of

        await directory_of(self._core).apply(people, Decided(by=by, at=utc_now()))

    async def retry(self, letter: int, *, by: str, why: str) -> Mapping[str, Any]:
        from bus.intake.dispatch import utc_now
        from bus.postgres.pool import in_transaction
        from deadletter.dead_letter import Decision
        from deadletter.store import retry

        core, decision = self._core, Decision(by=by, why=why, at=utc_now())
        await in_transaction(core.pool, retry, [letter], decision, core.codec.encode_record, core.keys)
        return await self._shown(letter)

    async def _shown(self, number: int) -> Mapping[str, Any]:
        from bus.cli.run import shell_reader
        from deadletter.view import as_json, show

        core = self._core
        return as_json(*await show(core.pool, number, core.clear, shell_reader()), core.codec)
