"""`ticketbus report`: figures of a day."""

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.app import Core

TICKETS_AT_ONCE = 500
commands = typer.Typer(name="report", help="Figures of a day.", no_args_is_help=True)


@commands.callback()
def _group() -> None:
    """Keep `time` a command of its own, though it is the only one."""


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
