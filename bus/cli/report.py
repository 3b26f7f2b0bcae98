"""`ticketbus report`: figures of a day, and the closure report of a month."""

from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.app import Core
    from bus.insight.closure_report import ClosureReport
    from bus.insight.closure_report_text import ReportWords

TICKETS_AT_ONCE = 500
commands = typer.Typer(name="report", help="Figures of a day, and the closure report of a month.", no_args_is_help=True)


@commands.command("time")
def charged_time(
    day: Annotated[
        datetime | None, typer.Option("--day", formats=["%Y-%m-%d"], help="In China; without: yesterday.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Say, in a line, to whom the time of a day's open tickets is charged: bus, source, target, engineer, …

    Each ticket counts with the time that it was open on that day; imported histories do not.

    Example: ticketbus report time --day 2026-11-28
    """
    from bus.cli.run import counting, echo_json, with_core
    from bus.cli.trace import time_line
    from bus.domain.time_text import CHINA

    wanted = day.date() if day else datetime.now(CHINA).date() - timedelta(days=1)
    since = datetime.combine(wanted, time(), CHINA)
    if since > datetime.now(UTC):
        raise typer.BadParameter(f"{wanted} 还没有到 / {wanted} has not come yet", param_hint="--day")
    progress, count = counting("tickets:")
    with progress:
        tickets, charged = with_core(data, lambda core: _charged(core, wanted, count))
    if as_json:
        echo_json({"day": wanted, "tickets": tickets, **charged})
    else:
        echo(f"{wanted}: 工单 tickets {tickets:,}, {time_line(charged)}")


@commands.command()
def closure(
    month: Annotated[
        datetime | None, typer.Option("--month", formats=["%Y-%m"], help="By China's clock; without: last month.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write a page into this file.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write rows for spreadsheets into this file.")] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show what closures of a month taught: first-time fix, confirmations, reuse, rejections, top tens.

    Never how many tickets were closed. Example: ticketbus report closure --month 2026-11 --html closure.html
    """
    from bus.cli.run import echo_json, with_core
    from bus.insight.closure_report import last_month, month_of, read_closure_report
    from bus.insight.closure_report_text import csv_text, html_text, lines_of, plain_lines
    from bus.postgres.pool import in_transaction
    from bus.programs.insight_watch import report_words_of

    first = month or last_month(datetime.now(UTC))

    async def work(core: "Core") -> "tuple[ClosureReport, ReportWords]":
        window = month_of(first, core.dispatcher.rules.dedupe_window)
        return await in_transaction(core.pool, read_closure_report, window), report_words_of(core)

    report, words = with_core(data, work)
    for option, file, write in (("--html", html, html_text), ("--csv", csv, csv_text)):
        if file:
            _write(file, write(report, words), option)
    if as_json:
        for line in lines_of(report, words):
            echo_json({"month": f"{report.since:%Y-%m}", **line._asdict(), "text": asdict(line.text)})
    elif not (html or csv):
        for shown in plain_lines(report, words):
            echo(shown)


def _write(file: Path, text: str, option: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        why = f"{file} 无法写入 / {file} cannot be written: {error.strerror}"
        raise typer.BadParameter(why, param_hint=option) from error


async def _charged(core: "Core", day: date, count: "Callable[[int], None]") -> tuple[int, dict[str, float]]:
    from bus.domain.time_text import CHINA
    from bus.journey.lives import charged, open_within, read_lives
    from bus.postgres.pool import in_transaction

    since = datetime.combine(day, time(), CHINA)
    until = min(since + timedelta(days=1), datetime.now(UTC))
    tickets = await in_transaction(core.pool, open_within, since, until)
    sums = await charged(core.schemas, [], until)
    for begin in range(0, len(tickets), TICKETS_AT_ONCE):
        rows = await in_transaction(core.pool, read_lives, tickets[begin : begin + TICKETS_AT_ONCE])
        found = await charged(core.schemas, rows, until, since)
        sums = {party: sums[party] + found[party] for party in sums}
        count(begin)
    return len(tickets), sums
