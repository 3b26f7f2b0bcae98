"""`ticketbus reconcile`: a source's own list against what the bus has of it."""

import dataclasses
from collections.abc import AsyncGenerator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.app import Core
    from bus.reconcile.open_missing import OpenedTickets
    from bus.reconcile.reconciler import Ask, DatedDifference, ReconcileReport
    from bus.reconcile.source_list import ListedTicket

commands = typer.Typer()
BUCKETS_SHOWN = 20


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """What the command line asks for; `tickets` of a file, None where the source is asked."""

    source: str
    since: datetime
    until: datetime
    tickets: "Sequence[ListedTicket] | None"
    ingest: bool


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

    if map_file and not file:
        raise typer.BadParameter("--map 与 --file 一起使用 / --map is for --file", param_hint="--map")
    began = _time(since, "--since")
    tickets = _of_file(source, file, map_file) if file else None
    last = max((one.at for one in tickets or ()), default=datetime.now(UTC))
    ended = _time(until, "--until") if until else last + timedelta(seconds=1)
    wanted = _Wanted(source=source, since=began, until=ended, tickets=tickets, ingest=ingest)
    progress, count = counting("tickets listed:")
    with progress:
        report, opened = with_core(data, lambda core: _reconciled(core, wanted, count))
    if as_json:
        for line in _json_lines(report, opened):
            echo_json(line)
    else:
        for text in _lines(report, opened):
            echo(text)
    found = report.found
    if len(found.missing_here) > len(opened.opened) or found.missing_there or report.different:
        raise typer.Exit(1)


async def _reconciled(
    core: "Core", wanted: _Wanted, count: "Callable[[int], None]"
) -> "tuple[ReconcileReport, OpenedTickets]":
    from bus.intake.disk_floor import DiskFloor
    from bus.reconcile.compare import ListWindow
    from bus.reconcile.open_missing import OpenedTickets, open_missing
    from bus.reconcile.reconciler import Reconciler

    reconciler = Reconciler(pool=core.pool, store=core.store)
    window = ListWindow(since=wanted.since, until=reconciler.settled(wanted.until))
    if window.since >= window.until:
        raise typer.BadParameter(
            f"没有可判断的时间段,最晚到 / there is no time to judge before {window.until:%Y-%m-%dT%H:%M:%SZ}",
            param_hint="--since",
        )
    ask = await _list_of(core, wanted)
    by_file = wanted.tickets is not None
    report = await reconciler.hold(wanted.source, ask, window, by_file=by_file, progress=count)
    if not wanted.ingest:
        return report, OpenedTickets(opened={}, refused={})
    dispatcher = dataclasses.replace(core.dispatcher, admit=DiskFloor(pool=core.pool).admit)
    return report, await open_missing(dispatcher, core.pool, wanted.source, report.found.missing_here)


async def _list_of(core: "Core", wanted: _Wanted) -> "Ask":
    """Give the list: the file's, or the source's own. Raises typer.BadParameter for a source without one."""
    from bus.domain.naming import did_you_mean, nearest
    from bus.postgres.pool import in_transaction
    from bus.programs.sources import sources
    from bus.reconcile.source_list import ListingSource
    from bus.reconcile.store import sources_seen

    configured = sources(core.settings)
    known = [*configured, *await in_transaction(core.pool, sources_seen)]
    if wanted.source not in known:
        meant, name = did_you_mean(nearest(wanted.source, known)), repr(wanted.source)
        raise typer.BadParameter(
            f"没有来源 {name}{meant.zh} / there is no source {name}{meant.en}",
            param_hint="SOURCE",
        )
    if wanted.tickets is not None:
        tickets = wanted.tickets
        return lambda _since, _until: _one_page(tickets)
    asked = configured.get(wanted.source)
    if not isinstance(asked, ListingSource):
        raise typer.BadParameter(
            f"来源 {wanted.source!r} 没有清单接口,请用 --file,或在来源文件中写 options.list / "
            f"{wanted.source!r} has no list to ask for: use --file, or set options.list in the sources file",
            param_hint="SOURCE",
        )
    return asked.listed


async def _one_page(tickets: "Sequence[ListedTicket]") -> "AsyncGenerator[Sequence[ListedTicket], None]":
    yield tickets


def _of_file(source: str, file: Path, map_file: Path | None) -> "Sequence[ListedTicket]":
    """Read a file whole. Raises typer.Exit(2)."""
    from adapters.history.listed_file import read_list_file
    from adapters.history.map_file import MapInvalid, load_map
    from adapters.history.rows import HistoryUnreadable

    try:
        mapped = load_map(map_file) if map_file else None
        if mapped and mapped.source != source:
            raise MapInvalid(f"{map_file}: 来源是 / its source is {mapped.source!r}, not {source!r}")
        read = read_list_file(file, mapped)
    except (HistoryUnreadable, MapInvalid) as error:
        echo(f"ticketbus: {file}: {error}", err=True)
        raise typer.Exit(2) from error
    if read.unread:
        echo(f"未读取的列 columns that are not read: {', '.join(read.unread)}", err=True)
    return read.tickets


def _time(text: str, option: str) -> datetime:
    from bus.domain.errors import MalformedInput
    from bus.intake.command_bodies import read_time

    try:
        return read_time(text, option)
    except MalformedInput as refused:
        raise typer.BadParameter(str(refused.text), param_hint=option) from None


def _json_lines(report: "ReconcileReport", opened: "OpenedTickets") -> Iterator[dict[str, Any]]:
    found = report.found
    yield {
        "kind": "reconciliation", "source": report.source, "since": report.window.since, "until": report.window.until,
        "listed": found.listed, "known": found.known, "buckets": found.buckets,
        "unequal": [dataclasses.asdict(one) for one in found.unequal], "missing_here": len(found.missing_here),
        "missing_there": len(found.missing_there), "different": len(report.different), "opened": len(opened.opened),
    }  # fmt: skip
    for one in found.missing_here:
        refused = opened.refused.get(one.number)
        yield {
            "kind": "missing_here", "source_no": one.number, "at": one.at, "ticket_id": opened.opened.get(one.number),
            "refused": refused.zh if refused else None, "refused_en": refused.en if refused else None,
        }  # fmt: skip
    for dated in report.different:
        since = dated.since
        yield {
            "kind": "different", "source_no": dated.difference.number, "ticket_id": dated.difference.ticket_id,
            "field": dated.difference.field, "listed": dated.difference.listed, "known": dated.difference.known,
            "since_version": since.version if since else None, "since_event": _event(dated),
            "since_at": since.occurred_at if since else None,
        }  # fmt: skip
    for lost in found.missing_there:
        yield {"kind": "missing_there", "source_no": lost.number, "at": lost.at, "ticket_id": lost.ticket_id}


def _lines(report: "ReconcileReport", opened: "OpenedTickets") -> Iterator[str]:
    found, window = report.found, report.window
    yield f"来源 source {report.source}: {_utc(window.since)} – {_utc(window.until)}"
    yield (
        f"清单 listed {found.listed:,}, 总线 known {found.known:,}; "
        f"10 分钟时段 buckets of 10 minutes {found.buckets:,}, 不一致 unequal {len(found.unequal):,}"
    )
    for bucket in found.unequal[:BUCKETS_SHOWN]:
        yield f"  {_utc(bucket.at)}: 清单 listed {bucket.listed}, 总线 known {bucket.known}"
    if len(found.unequal) > BUCKETS_SHOWN:
        yield f"  … {len(found.unequal) - BUCKETS_SHOWN:,}"
    for one in found.missing_here:
        yield f"没有到达 never arrived: {one.number}, {_utc(one.at)}{_outcome(one.number, opened)}"
    for dated in report.different:
        difference, since = dated.difference, dated.since
        when = f", 自 since v{since.version} {_event(dated)} {_utc(since.occurred_at)}" if since else ""
        yield (
            f"不一致 differs: {difference.number} ({difference.ticket_id}) {difference.field}: "
            f"清单 listed {difference.listed}, 总线 here {difference.known}{when}"
        )
    for lost in found.missing_there:
        yield f"来源已没有 the source has it no more: {lost.number} ({lost.ticket_id}), {_utc(lost.at)}"


def _outcome(number: str, opened: "OpenedTickets") -> str:
    if ticket_id := opened.opened.get(number):
        return f" → 已补录 opened {ticket_id}"
    refused = opened.refused.get(number)
    return f" → 未补录 not opened: {refused}" if refused else ""


def _event(dated: "DatedDifference") -> str | None:
    return type(dated.since.event).__name__ if dated.since else None


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
