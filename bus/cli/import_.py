"""`ticketbus import`: a source's past, through the same dispatch as everything else."""

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from adapters.history.file_order import OrderedRows
    from adapters.history.importer import Summary
    from adapters.history.map_file import HistoryMap

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
    from adapters.history.importer import import_history
    from adapters.history.map_file import MapInvalid, load_map
    from adapters.history.rows import HistoryUnreadable
    from bus.cli.run import INTERRUPTED, echo_json, with_core

    try:
        mapped = load_map(map_file)
        with _ordered(file, mapped) as (ordered, show):
            summary = with_core(
                data, lambda core: import_history(ordered, core.dispatcher, core.refused, on_progress=show)
            )
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


@contextmanager
def _ordered(file: Path, mapped: "HistoryMap") -> Iterator["tuple[OrderedRows, Callable[[Summary], None]]"]:
    """Read a file whole; gives its rows and what shows how many are in. A terminal shows both as they get on."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from adapters.history.file_order import rows_in_order
    from adapters.history.rows import open_lines

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    progress = Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())
    with progress, open_lines(file) as (lines, opened):
        task = progress.add_task(file.name, total=os.fstat(opened.fileno()).st_size)

        def show_read(rows: int) -> None:
            progress.update(task, completed=opened.tell(), description=f"{file.name}: 已读 {rows:,} 行 rows read")

        with rows_in_order(lines, mapped, on_rows=show_read) as ordered:
            progress.reset(task, total=ordered.rows)

            def show_taken(summary: "Summary") -> None:
                text = f"{file.name}: {summary.rows:,} / {ordered.rows:,} 行 rows"
                progress.update(task, completed=summary.rows, description=text)

            yield ordered, show_taken


def _summary_lines(summary: "Summary") -> list[str]:
    lines = [
        f"{summary.rows:,} rows read",
        f"{summary.opened:,} tickets opened, {summary.joined:,} reports joined",
        f"{summary.changed:,} changes, {summary.notes:,} notes",
        f"{summary.repeated:,} commands were in already",
    ]
    if summary.moved_rows:
        lines.append(
            f"{summary.moved_rows:,} 行不在应有的位置,已按顺序导入 / rows stood behind a later one, put in order"
        )
    if summary.tied_rows:
        lines.append(
            f"{summary.tied_rows:,} 行与同一工单的另一行顺序相同,按文件中的先后导入;若有计数列,请在对照表写 order / "
            "rows share their place with another of their ticket and were taken as they stand in the file; if a "
            "column counts changes, name it as `order` in the map"
        )
    if summary.late_rows:
        lines.append(
            f"{summary.late_rows:,} 行的时间早于上一行,按上一行的时间计,原时间写入备注 / rows have a time before "
            "that of the row before: taken with the later one, their own stands in a note"
        )
    if refused := summary.refused_rows + summary.refused_commands:
        lines.append(
            f"{refused:,} refused and kept as refused input: {summary.refused_rows:,} rows that cannot be read, "
            f"{summary.refused_commands:,} commands that the domain declined"
        )
    return lines
