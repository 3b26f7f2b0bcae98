"""`ticketbus route`: why a ticket was routed to whom."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.domain.routed import RankedPerson

commands = typer.Typer(name="route", help="Who takes a ticket, and why.", no_args_is_help=True)


@commands.command()
def explain(
    number: Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number.")],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Explain whom a ticket was routed to: the table of each routing, with points and reasons, the last one first.

    Exits 1 when there is no such ticket.

    Example: ticketbus route explain T20261122-000123
    """
    from bus.cli.run import echo_json, with_core
    from bus.domain.terms import TicketId
    from bus.gateway.read.routing_view import routing_view

    async def work(core: "Core") -> dict[str, Any] | None:
        ticket_id = TicketId(number)
        ticket = await core.store.ticket(ticket_id)
        if ticket is None:
            return None
        mode = core.dispatcher.rules.routing.mode_of(ticket.type)
        return routing_view(ticket, await core.store.events(ticket_id), mode)

    view = with_core(data, work)
    if view is None:
        echo(f"没有工单“{number}” / there is no ticket {number!r}", err=True)
        raise typer.Exit(1)
    if as_json:
        echo_json(view)
        return
    echo(f"{number} {view['state'].zh} {view['state'].value}: {view['zh']} / {view['en']}")
    for one in reversed(view["routings"]):
        first = one["person"] or f"无人可派 nobody suits ({one['unroutable']})"
        echo(f"{one['at']:%Y-%m-%d %H:%M:%S}Z  {one['mode'].zh} {one['mode'].value}: {first}")
        for row in one["ranking"]:
            echo(_line(row))
        if one["more"]:
            echo(f"  另有 {one['more']} 人不符 / {one['more']} more do not fit")


def _line(row: "RankedPerson") -> str:
    if row.unfit is not None:
        return f"  {row.person:<12} {'-':>6}  {row.unfit.zh} {row.unfit.value}"
    points = {name: getattr(row, name) for name in ("load", "skill", "device", "first_fix", "travel")}
    return f"  {row.person:<12} {row.score:>6}  {'  '.join(f'{name} {value}' for name, value in points.items())}"
