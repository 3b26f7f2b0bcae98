"""`ticketbus import`: a source's past, through the same dispatch as everything else."""

import dataclasses
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.text import Text

if TYPE_CHECKING:
    from adapters.history.file_order import OrderedRows
    from adapters.history.importer import Summary
    from adapters.history.imports import RefusedRow
    from adapters.history.map_file import HistoryMap
    from bus.app import Core
    from bus.domain.rules import Rules

    Show = Callable[[Summary], None]

commands = typer.Typer(name="import", help="Import what happened before the bus was there.", no_args_is_help=True)

ROW_CHARS_SHOWN = 500  # in the text; --json has all
_NOTHING_TAKEN = Text(
    "没有一行生效:对照表与文件不符,或文件选错了",
    "not one row had an effect: the map does not fit, or it is another file",
)
_NO_ROWS = Text("文件只有表头,没有一行数据", "the file has a header and no rows")


@commands.command()
def history(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv[.gz]", help="One row per change of a ticket.")],
    map_file: Annotated[Path, typer.Option("--map", metavar="MAP", help="YAML: which column and word means what.")],
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Decide everything and write nothing, as on an empty bus; wants no server."),
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Import a source's history of tickets; nothing is pushed or alerted for the past. Safe to run again.

    Rows are put in order first. Rows without effect do not stop the import: they are counted by reason, and listed with
    their bytes by `ticketbus import refused`. Exits 1 when there are no rows, every row was refused,
    or so many that it stopped.

    Example: ticketbus import history --map adapters/history/uci_incident_log.yaml incidents.csv.gz --dry-run
    """
    from adapters.history.map_file import MapInvalid, load_map
    from adapters.history.rows import HistoryUnreadable
    from bus.cli.run import INTERRUPTED, echo_json, resolved, with_core
    from bus.rules_config import load_rules

    try:
        rules = load_rules(resolved(data))
        mapped = load_map(map_file, rules.sla)
        with _ordered(file, mapped) as (ordered, show):
            if dry_run:
                number, summary = 0, _tried(ordered, rules, show)
            else:
                number, summary = with_core(data, lambda core: _import(core, file, ordered, show))
            in_part = not ordered.stopped
    except (MapInvalid, HistoryUnreadable) as error:
        echo(f"ticketbus: {error}", err=True)
        raise typer.Exit(2) from error
    except KeyboardInterrupt:  # while the file is read
        echo("ticketbus: 已中断,文件还没有导入 / interrupted; nothing of the file was imported", err=True)
        raise typer.Exit(INTERRUPTED) from None
    except typer.Exit as ending:
        if ending.exit_code == INTERRUPTED and not dry_run:
            zh, en = (
                "已中断,已导入的保留,再运行同一命令即可继续",
                "what is in stays in, run the same command again to go on",
            )
            echo(f"ticketbus: {zh} / interrupted; {en}", err=True)
        raise
    if as_json:
        echo_json({"import": number or None, "dry_run": dry_run, **dataclasses.asdict(summary)})
    else:
        for line in _summary_lines(summary, number):
            echo(line)
    if summary.stopped:
        echo(f"ticketbus: {_stop(summary.stopped, number, in_part=in_part)}", err=True)
    elif summary.nothing_taken:
        echo(f"ticketbus: {_NOTHING_TAKEN if summary.rows else _NO_ROWS}", err=True)
    if summary.stopped or summary.nothing_taken:
        raise typer.Exit(1)


@commands.command()
def refused(
    number: Annotated[
        int | None,
        typer.Argument(metavar="[IMPORT]", min=1, max=redrive.NUMBER_MAX, help="Its number; the last one without."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the rows that an import refused: line, reason and the row as it stood in the file. That is on record.

    Rows are kept for 90 days. One that a later import refused again is listed with that. Exits 1 if there was no such
    import.

    Example: ticketbus import refused 7 --json
    """
    from adapters.history import imports
    from bus.cli.run import echo_json, shell_reader, with_core
    from bus.postgres.pool import in_transaction

    async def work(core: "Core") -> bool:
        run = await in_transaction(core.pool, imports.find, core.keys, shell_reader(), number)
        if run is None:
            return False
        if not as_json:
            echo(f"导入 import {run.id}: {run.file} ({run.source}), {run.began_at:%Y-%m-%d %H:%M:%S} UTC")
        async for one in imports.refused_rows(core.pool, core.keys, run.id, shell_reader()):
            if as_json:
                echo_json({"import": run.id, **_row_json(one)})
            else:
                echo(f"第 {one.line} 行 line {one.line}: {one.code} {one.field}: {one.detail}")
                text = _row_text(one)
                echo(f"    {text[:ROW_CHARS_SHOWN]}{'…' if len(text) > ROW_CHARS_SHOWN else ''}")
        return True

    if not with_core(data, work):
        missing = Text("没有导入过", "nothing was imported yet")
        if number:
            missing = Text(f"没有第 {number} 次导入", f"there was no import {number}")
        echo(f"ticketbus: {missing}", err=True)
        raise typer.Exit(1)


@contextmanager
def _ordered(file: Path, mapped: "HistoryMap") -> Iterator["tuple[OrderedRows, Show]"]:
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


async def _import(core: "Core", file: Path, ordered: "OrderedRows", show: "Show") -> "tuple[int, Summary]":
    from adapters.history import imports
    from adapters.history.importer import Summary, import_history
    from bus.domain.errors import StoreUnavailable
    from bus.intake.disk_floor import DiskFloor
    from bus.postgres.pool import in_transaction

    number = await in_transaction(core.pool, imports.begin, core.keys, ordered.table.map.source, file.name)
    done = Summary()

    def remember(summary: Summary) -> None:
        nonlocal done
        done = summary
        show(summary)

    dispatcher = dataclasses.replace(core.dispatcher, admit=DiskFloor(pool=core.pool).admit)
    try:
        done = await import_history(ordered, dispatcher, core.refused, number=number, on_progress=remember)
    finally:
        with suppress(StoreUnavailable):
            await in_transaction(core.pool, imports.end, number, done)
    return number, done


def _tried(ordered: "OrderedRows", rules: "Rules", show: "Show") -> "Summary":
    from adapters.history.dry_run import TrialRejectedInputs, TrialStore
    from adapters.history.importer import import_history
    from bus.cli.run import run
    from bus.intake.dispatch import Dispatcher

    dispatcher = Dispatcher(store=TrialStore(), rules=rules)
    return run(import_history(ordered, dispatcher, TrialRejectedInputs(), to_the_end=True, on_progress=show))


def _stop(why: Text, number: int, *, in_part: bool) -> Text:
    """Say what became of an import that stopped, and what to do."""
    if not number:
        return Text(f"{why.zh},导入会在此停止", f"{why.en}: the import would stop there")
    kept = Text("已导入的保留", "what is in stays in")
    if not in_part:
        kept = Text("文件没有导入", "nothing of the file was imported")
    return Text(
        f"{why.zh},导入已停止,{kept.zh}。用 ticketbus import refused {number} 查看原因,修正对照表或这些行,"
        "再运行同一命令即可继续",
        f"{why.en}: the import stopped, and {kept.en}. `ticketbus import refused {number}` shows why rows are refused; "
        "mend the map or these rows, then run the same command again to go on",
    )


def _summary_lines(summary: "Summary", number: int) -> list[str]:
    lines = [f"导入 import {number}"] if number else ["试运行,什么也没有写入 / dry run: nothing was written"]
    events = summary.opened + summary.joined + summary.changed + summary.notes
    lines += [
        f"已读 {summary.rows:,} 行 rows read",
        f"新工单 {summary.opened:,} 张 tickets opened, 并入报修 {summary.joined:,} 次 reports joined",
        f"事件 {events:,} 条 events, 其中变更 {summary.changed:,} changes, 备注 {summary.notes:,} notes",
        f"已在库中 {summary.repeated:,} 条命令 commands were in already",
    ]
    return [*lines, *_order_lines(summary), *_refused_lines(summary, number)]


def _order_lines(summary: "Summary") -> Iterator[str]:
    if summary.empty_rows:
        yield f"{summary.empty_rows:,} 行是空行,已跳过 / rows are empty and were passed over"
    if summary.moved_rows:
        yield f"{summary.moved_rows:,} 行次序不对,已排好 / rows stood behind a later one and were put in order"
    if summary.tied_rows:
        yield (
            f"{summary.tied_rows:,} 行与同一工单的另一行顺序相同,按文件中的先后导入;"
            "对照表的 order 应是每次变更都不同的计数列 / "
            "rows share their place with another of their ticket and were taken as they stand in the file; `order` "
            "in the map is for a column that counts changes, each number once a ticket"
        )
    if summary.late_rows:
        yield (
            f"{summary.late_rows:,} 行的时间早于上一行,按上一行的时间计,原时间写入备注 / rows have a time before "
            "that of the row before: taken with the later one, their own stands in a note"
        )


def _refused_lines(summary: "Summary", number: int) -> Iterator[str]:
    if not summary.refusals:
        return
    where = f"; ticketbus import refused {number} 列出 lists them" if number else ""
    yield (
        f"被拒 refused: {summary.refused_rows:,} 行 rows that cannot be read, "
        f"{summary.refused_commands:,} 条命令 commands that the domain declined{where}"
    )
    for one in summary.refusals:
        lines = ", ".join(f"{line:,}" for line in one.lines)
        yield f"  {one.count:,} × {one.code} {one.field}: {one.detail} (行 lines {lines}{' …' if one.more else ''})"


def _row_json(one: "RefusedRow") -> dict[str, object]:
    reason = {"code": one.code, "field": one.field, "zh": one.detail.zh, "en": one.detail.en}
    return {"line": one.line, **reason, "row": _row_text(one), "hex": one.body.hex()}


def _row_text(one: "RefusedRow") -> str:
    return one.body.decode(one.encoding, errors="backslashreplace").rstrip("\r\n")
