"""`ticketbus drift`: tickets for which nobody acts as they should, now and on the list of a morning."""

from datetime import date
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.domain.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.app import Core
    from bus.domain.drift import DriftedTicket

commands = typer.Typer(name="drift", help="Tickets for which nobody acts.", no_args_is_help=True)
Day = Annotated[str, typer.Option("--date", metavar="YYYY-MM-DD", help="The list that was made on that morning.")]


@commands.command("list")
def list_drift(day: Day = "", data: Data = None, as_json: Json = False) -> None:
    """List tickets whose responsibility drifts now, or did on a morning: overdue, claims missed, no confirmation.

    For the morning meeting. Exits 1 when no list was made on that day.
    Example: ticketbus drift list --date 2026-11-30
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.intake.dispatch import utc_now
    from bus.postgres.drift_lists import drifting_now, read_lists
    from bus.postgres.pool import in_transaction

    wanted = _day(day)

    async def work(core: "Core") -> "Sequence[DriftedTicket] | None":
        if wanted is None:
            return await in_transaction(core.pool, drifting_now, utc_now())
        lists = await in_transaction(core.pool, read_lists, wanted)
        return lists[0].tickets if lists else None

    found = with_core(data, work)
    if found is None:
        _refuse_absent(day)
    for one in found:
        echo_json(asdict(one)) if as_json else echo(_line(one))
    if not found and not as_json:
        echo("没有漂移的工单 / no ticket drifts", err=True)


@commands.command()
def compare(day: Day = "", data: Data = None, as_json: Json = False) -> None:
    """Compare the list of a morning, or the last one, with the one before it: what is new, still there, and gone.

    Exits 1 when no list was made. Example: ticketbus drift compare
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.domain.drift_list import compared
    from bus.postgres.drift_lists import read_lists
    from bus.postgres.pool import in_transaction

    wanted = _day(day)
    lists = with_core(data, lambda core: in_transaction(core.pool, read_lists, wanted))
    if not lists:
        _refuse_absent(day)
    change = compared(lists)
    if as_json:
        echo_json(asdict(change))
        return
    echo(f"{change.day} · 对比 compared with {change.before or '-'}")
    for mark, tickets in (("新增 new  ", change.new), ("仍在 still", change.still), ("已消除 gone", change.gone)):
        for one in tickets:
            echo(f"{mark}  {_line(one)}")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise typer.BadParameter(str(Text("写成 2026-11-30", "write it as 2026-11-30")), param_hint="--date") from None


def _refuse_absent(day: str) -> NoReturn:
    echo(f"{day or '至今'} 没有清单:当日不是工作日,或没有 worker 在运行 / no list was made {day or 'yet'}", err=True)
    raise typer.Exit(1)


def _line(one: "DriftedTicket") -> str:
    why = "、".join(f"{reason.zh} {reason.value}" for reason in one.reasons)
    last = f"{one.last_action} {one.last_at:%m-%d %H:%M}Z"
    return f"{one.ticket_id}  {one.state.zh}  {one.region or '-'}  {one.assignee or '-'}  {why}  最近 last {last}"
