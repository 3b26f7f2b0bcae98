"""`ticketbus dwell`: tickets that stand still."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.app import Core
    from bus.domain.dwell import Dwell

commands = typer.Typer()


@commands.command()
def dwell(
    red: Annotated[bool, typer.Option("--red", help="The tickets that are red, the longest first.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show how long open tickets stay in their state, by state and region: how many, how many red, the longest.

    A ticket turns red after two working hours of its region, or the state's limit
    in TICKETBUS_DWELL_LIMITS. Example: ticketbus dwell --red
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.domain.dwell import dwells, heat_map, red_ones
    from bus.intake.dispatch import utc_now
    from bus.postgres.open_tickets import tickets_in_state
    from bus.postgres.pool import in_transaction

    async def work(core: "Core") -> "Sequence[Dwell]":
        tickets, rules = await in_transaction(core.pool, tickets_in_state), core.dispatcher.rules
        return dwells(tickets, core.settings.dwell_limits, rules.calendars, utc_now())

    found = with_core(data, work)
    if red:
        for one in red_ones(found):
            echo_json(asdict(one)) if as_json else echo(_line(one))
        return
    for place in heat_map(found):
        if as_json:
            echo_json(asdict(place))
        else:
            mark = f"  红 red {place.red}" if place.red else ""
            echo(
                f"{place.state.zh} {place.state.value:<12} {place.region or '-':<8} 工单 tickets {place.tickets}  "
                f"最久 longest {_hours(place.longest_s)}{mark}"
            )


def _hours(seconds: int) -> str:
    return f"{seconds / 3600:.1f} h"


def _line(one: "Dwell") -> str:
    return (
        f"{one.ticket_id}  {one.state.zh}  {one.region or '-'}  {one.assignee or '-'}  "
        f"工作时间 working {_hours(one.working_s)}  自然时间 wall {_hours(one.wall_s)}"
    )
