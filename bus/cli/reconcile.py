"""`ticketbus reconcile`: a source's own list against what the bus has of it."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.reconcile.asked import Reconciled
    from bus.reconcile.open_missing import OpenedTickets
    from bus.reconcile.reconciler import ReconcileReport
    from bus.reconcile.source_list import ListedTicket

commands = typer.Typer()
BUCKETS_SHOWN = 20


@commands.command()
def reconcile(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="Its name, as in /v1/sources/NAME/webhook.")],
    *,
    since: Annotated[str, typer.Option("--since", metavar="TIME", help="As 2026-11-28T08:00:00+08:00.")],
    until: Annotated[
        str, typer.Option("--until", metavar="TIME", help="Without: five minutes ago; of a file its last ticket.")
    ] = "",
    file: Annotated[
        Path | None,
        typer.Option("--file", metavar="FILE", help="JSON or CSV, instead of the source's own."),
    ] = None,
    map_file: Annotated[
        Path | None,
        typer.Option("--map", metavar="MAP", help="YAML: how a CSV is read, as of `import history`."),
    ] = None,
    ingest: Annotated[
        bool, typer.Option("--ingest", help="Open what never arrived, at the time at which the source opened it.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Name the tickets that a source has and the bus has not, those that differ, and those that the source lost.

    Times are those at which the source opened tickets; the last five minutes are not judged. Exits 1 when anything is
    found that --ingest has not mended, and when the list does not come: then nothing is judged.

    Example: ticketbus reconcile crm --since 2026-11-28T00:00:00+08:00 --ingest
    """
    from bus.cli.run import counting, echo_json, with_core
    from bus.cli.time_option import read_time_option
    from bus.domain.errors import MalformedInput
    from bus.programs.reconciling import reconcile_asked
    from bus.reconcile.asked import ReconcileAsked
    from bus.reconcile.report_json import head_json, tickets_json

    if map_file and not file:
        raise typer.BadParameter("--map 与 --file 一起使用 / --map is for --file", param_hint="--map")
    began = read_time_option(since, "--since")
    tickets = _of_file(source, file, map_file) if file else None
    last = max((one.at for one in tickets or ()), default=datetime.now(UTC))
    ended = read_time_option(until, "--until") if until else last + timedelta(seconds=1)
    listed = None if tickets is None else lambda _since, _until: _one_page(tickets)
    asked = ReconcileAsked(source=source, since=began, until=ended, listed=listed, ingest=ingest)
    progress, count = counting("tickets listed:")

    async def work(core: "Core") -> "Reconciled":
        try:
            return await reconcile_asked(core, asked, count)
        except MalformedInput as refused:
            hint = "SOURCE" if refused.field == "source" else f"--{refused.field}"
            raise typer.BadParameter(str(refused.text), param_hint=hint) from None

    with progress:
        report, opened = with_core(data, work)
    if as_json:
        echo_json(head_json(report, opened))
        for line in tickets_json(report, opened):
            echo_json(line)
    else:
        for text in _lines(report, opened):
            echo(text)
    found = report.found
    left = len(found.missing_here) - len(opened.opened) - len(opened.ended)
    if left or found.missing_there or report.different or report.unjudged:
        raise typer.Exit(1)


async def _one_page(tickets: "Sequence[ListedTicket]") -> "AsyncGenerator[Sequence[ListedTicket], None]":
    yield tickets


def _of_file(source: str, file: Path, map_file: Path | None) -> "Sequence[ListedTicket]":
    """Read a file whole. Raises typer.Exit(2)."""
    from adapters.crm.listed_ticket import listed_ticket
    from adapters.history.listed_file import read_list_file
    from adapters.history.map_file import MapInvalid, load_map
    from adapters.history.rows import HistoryUnreadable

    try:
        mapped = load_map(map_file) if map_file else None
        if mapped and mapped.source != source:
            raise MapInvalid(f"{map_file}: 来源是 / its source is {mapped.source!r}, not {source!r}")
        read = read_list_file(file, listed_ticket, mapped)
    except (HistoryUnreadable, MapInvalid) as error:
        echo(f"ticketbus: {file}: {error}", err=True)
        raise typer.Exit(2) from error
    if read.unread:
        echo(f"未读取的列 columns that are not read: {', '.join(read.unread)}", err=True)
    return read.tickets


def _lines(report: "ReconcileReport", opened: "OpenedTickets") -> Iterator[str]:
    from bus.reconcile.report_json import event_name

    found, window = report.found, report.window
    yield f"来源 source {report.source}: {_utc(window.since)} – {_utc(window.until)}"
    yield (
        f"清单 listed {found.listed:,}, 总线 known {found.known:,}; "
        f"10 分钟时段 buckets of 10 minutes {len(found.buckets):,}, 不一致 unequal {len(found.unequal):,}, "
        f"尚未判断 not judged yet {len(found.unjudged_buckets):,}"
    )
    for bucket in found.unequal[:BUCKETS_SHOWN]:
        yield f"  {_utc(bucket.at)}: 清单 listed {bucket.listed}, 总线 known {bucket.known}"
    if len(found.unequal) > BUCKETS_SHOWN:
        yield f"  … {len(found.unequal) - BUCKETS_SHOWN:,}"
    for one in found.missing_here:
        yield f"没有到达 never arrived: {one.number}, {_utc(one.at)}{_outcome(one.number, opened)}"
    for dated in report.different:
        difference, since = dated.difference, dated.since
        when = f", 自 since v{since.version} {event_name(dated)} {_utc(since.occurred_at)}" if since else ""
        yield (
            f"不一致 differs: {difference.number} ({difference.ticket_id}) {difference.field}: "
            f"清单 listed {difference.listed}, 总线 here {difference.known}{when}"
        )
    if report.unjudged:
        yield f"来源是否遗失工单未判断 it was not judged what the source lost: {report.unjudged}"
    for lost in found.missing_there:
        yield f"来源已没有 the source has it no more: {lost.number} ({lost.ticket_id}), {_utc(lost.at)}"


def _outcome(number: str, opened: "OpenedTickets") -> str:
    if ticket_id := opened.opened.get(number):
        return f" → 已补录 opened {ticket_id}"
    refused = opened.refused.get(number)
    return f" → 未补录 not opened: {refused}" if refused else ""


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
