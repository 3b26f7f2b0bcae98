"""`ticketbus import`: a source's past, through the same dispatch as everything else."""

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from adapters.history.importer import Summary
    from adapters.history.map_file import HistoryMap
    from bus.app import Core

commands = typer.Typer(name="import", help="Import what happened before the bus was there.", no_args_is_help=True)


@commands.command()
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv[.gz]", help="One row per change of a ticket.")],
    map_file: Annotated[Path, typer.Option("--map", metavar="MAP", help="YAML: which column and word means what.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Import a source's history of tickets; nothing is pushed or alerted for the past. Safe to run again.

    Rows that cannot be read are kept as refused input and counted; they do not stop the import.

    Example: ticketbus import history --map adapters/history/uci_incident_log.yaml incidents.csv.gz
    """
    from adapters.history.map_file import MapInvalid, load_map
    from adapters.history.rows import HistoryUnreadable
    from bus.cli.run import INTERRUPTED, echo_json, with_core

    try:
        mapped = load_map(map_file)
        summary = with_core(data, lambda core: _import(core, file, mapped))
    except (MapInvalid, HistoryUnreadable) as error:
        echo(f"ticketbus: {error}", err=True)
        raise typer.Exit(2) from error
    except typer.Exit as ending:
        if ending.exit_code == INTERRUPTED:
            echo("ticketbus: interrupted; what is in stays in, run the same command again to go on", err=True)
        raise
    if as_json:
        echo_json(dataclasses.asdict(summary))
    else:
        for line in _summary_lines(summary):
            echo(line)


async def _import(core: "Core", file: Path, mapped: "HistoryMap") -> "Summary":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from adapters.history.importer import import_history
    from adapters.history.rows import open_lines

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with (
        open_lines(file) as (lines, opened),
        Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar,
    ):
        task = bar.add_task(file.name, total=os.fstat(opened.fileno()).st_size)

        def show(summary: "Summary") -> None:
            bar.update(task, completed=opened.tell(), description=f"{file.name}: {summary.rows:,} rows")

        return await import_history(lines, mapped, core.dispatcher, core.refused, on_progress=show)


def _summary_lines(summary: "Summary") -> list[str]:
    lines = [
        f"{summary.rows:,} rows read",
        f"{summary.opened:,} tickets opened, {summary.joined:,} reports joined",
        f"{summary.changed:,} changes, {summary.notes:,} notes",
        f"{summary.repeated:,} commands were in already",
    ]
    if refused := summary.refused_rows + summary.refused_commands:
        lines.append(
            f"{refused:,} refused and kept as refused input: {summary.refused_rows:,} rows that cannot be read, "
            f"{summary.refused_commands:,} commands that the domain declined"
        )
    return lines
