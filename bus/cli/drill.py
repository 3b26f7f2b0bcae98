"""`ticketbus drill january`: the incident of January 2026 on a real stack of its own, judged by its truth."""

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.own_stack import let_in, own_scratch, play_on_own_stack
from bus.cli.settings import Json

if TYPE_CHECKING:
    from adapters.simulators.demo.narrator import Narrator
    from adapters.simulators.drill.systems import DrillSystems
    from adapters.simulators.drill.truth import DrillResult
    from adapters.simulators.drill.without_bus import DrillWithoutBus
    from bus.settings import Settings

commands = typer.Typer(name="drill", help="Drills: known incidents, made anew and judged.")

BACKLOG, BACKLOG_FAST = 23_000, 2_300
DRILL_S_MAX = 900.0


@commands.command()
def january(
    fast: Annotated[
        bool, typer.Option("--fast", help=f"With {BACKLOG_FAST:,} waiting for the ERP, not {BACKLOG:,}.")
    ] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="FILE", help="Keep truth and result, as JSON.")
    ] = None,
    without_bus: Annotated[
        bool, typer.Option("--without-bus", help="With the systems wired to each other, as it was: nothing is mended.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make the three faults of January at once: an unheard 500, a full disk, a misspelled topic; then mend them.

    Starts a stack of its own in a temporary directory and leaves nothing running. Exits 1 if anything is lost,
    repeated, late or misjudged; without a bus, if anything is heard of.

    Example: ticketbus drill january --fast
    """
    import asyncio
    import json

    from rich.console import Console

    import bus.local  # noqa: F401 - refuses, before anything has begun, where its libraries are not installed
    from adapters.simulators.demo.narrator import DemoFailed, Narrator
    from adapters.simulators.drill.systems import listening
    from adapters.simulators.patient_client import NoAnswer
    from bus.domain.errors import BusError

    console = Console(stderr=as_json)
    backlog = BACKLOG_FAST if fast else BACKLOG
    results: list[DrillResult | DrillWithoutBus] = []
    begun = time.monotonic()
    failures = (DemoFailed, NoAnswer, BusError, TimeoutError)
    with own_scratch("ticketbus-drill-", console, "演练中断 / the drill broke off: {}".format, failures) as scratch:
        if without_bus:
            results.append(asyncio.run(_play_without_bus(scratch, backlog, Narrator(console))))
        else:

            async def scenario(settings: "Settings", systems: "DrillSystems") -> None:
                results.append(await _play(settings, scratch, systems, Narrator(console), backlog))

            play_on_own_stack(scratch, console, listening, scenario)
    (result,) = results
    content = json.dumps(result.as_json(), ensure_ascii=False)
    if report:
        report.write_text(content, encoding="utf-8")
    if as_json:
        echo(content)
    for line in result.wrong:
        console.print(f"✗ {line}", style="red", markup=False, soft_wrap=True)
    console.print(f"{result.ending} ({time.monotonic() - begun:.0f} s)", style="bold red" if result.wrong else "bold")
    if result.wrong:
        raise typer.Exit(1)


@commands.command()
def restore(as_json: Json = False) -> None:
    """Lose PostgreSQL under traffic and restore it to a point in time, then lose Kafka; say what it took and cost.

    Starts a stack of its own in a temporary directory and leaves nothing running. Exits 1 if the stores differ
    afterwards, a ticket is there twice, or Kafka's loss cost one; PostgreSQL's may, if it had not been published.

    Example: ticketbus drill restore
    """
    import json

    from rich.console import Console

    import bus.local  # noqa: F401 - refuses, before anything has begun, where its libraries are not installed
    from bus.cli import drill_restore
    from bus.cli.own_stack import own_settings
    from bus.domain.errors import BusError

    console = Console(stderr=as_json)

    def say(line: str) -> None:
        console.print(line, style="dim", highlight=False, markup=False, soft_wrap=True)

    broke_off = "演练中断 / the drill broke off: {}".format
    with own_scratch("ticketbus-drill-", console, broke_off, (BusError, OSError)) as scratch:
        losses = drill_restore.play(own_settings({"TICKETBUS_DATA": str(scratch / "stack")}), scratch, say)
    for one in losses:
        if as_json:
            echo(json.dumps(asdict(one)))
        console.print(str(one.text), style="bold", markup=False, soft_wrap=True)
    if any(one.differences or one.repeated or one.files_wrong for one in losses) or losses[-1].lost:
        raise typer.Exit(1)


async def _play_without_bus(scratch: Path, backlog: int, tell: "Narrator") -> "DrillWithoutBus":
    from adapters.simulators.drill.systems import listening
    from adapters.simulators.drill.without_bus import play_without_bus

    async with listening() as systems:
        return await play_without_bus(scratch, systems, backlog, tell)


async def _play(
    settings: "Settings", scratch: Path, systems: "DrillSystems", tell: "Narrator", backlog: int
) -> "DrillResult":
    """Let the players in with tokens of their own and play."""
    import asyncio

    from adapters.simulators.drill.scenario import DrillStage, play
    from adapters.simulators.drill.systems import ERP_HOST
    from bus.app import open_core, require
    from bus.cli.drill_operator import DrillOperatorOnCore
    from bus.gateway.auth.roles import Role

    names = {Role.DISPATCHER: "drill-dispatcher", Role.ENGINEER: "drill-engineer", Role.HOST: ERP_HOST}
    async with open_core(settings, connections=4) as core:
        tokens = await let_in(core, names)
        stage = DrillStage(
            url=require(settings, "url"),
            dispatcher_token=tokens[Role.DISPATCHER],
            engineer_token=tokens[Role.ENGINEER],
            host_token=tokens[Role.HOST],
            scratch=scratch,
            systems=systems,
            operator=DrillOperatorOnCore(core),
            backlog=backlog,
        )
        async with asyncio.timeout(DRILL_S_MAX):
            return await play(stage, tell)
