"""`ticketbus route`: why a ticket was routed to whom."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json
from bus.cli.time_option import read_time_option

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


@commands.command()
def fairness(
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="RFC 3339 with offset, 31 days ago at most; without: 30."),
    ] = "",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Show who was given how many of the tickets that they could have taken, against the share of each who fits.

    Of tickets that were routed: what their tables say, and whom they were assigned to after it, by hand too.
    Example: ticketbus route fairness --since 2026-11-01T00:00:00+08:00
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.domain.errors import MalformedInput
    from bus.domain.fairness import fairness_since
    from bus.intake.dispatch import utc_now
    from bus.postgres.routing_events import FairnessReader

    try:
        begin = fairness_since(read_time_option(since, "--since") if since else None, utc_now(), "--since")
    except MalformedInput as refused:
        raise typer.BadParameter(str(refused.text), param_hint="--since") from None
    found = with_core(data, lambda core: FairnessReader(pool=core.pool, read=core.schemas.events).shares(begin))
    for one in found:
        if as_json:
            echo_json(asdict(one))
        else:
            echo(
                f"{one.person:<12} 合适 fitting {one.fitting:>5}  应得 expected {one.expected:>7}  "
                f"实得 assigned {one.assigned:>5}  表外 outside {one.outside:>3}  "
                f"{one.judgement.zh} {one.judgement.value}"
            )
    if not found and not as_json:
        echo("没有派单记录 / no ticket was routed and assigned", err=True)


def _line(row: "RankedPerson") -> str:
    if row.unfit is not None:
        return f"  {row.person:<12} {'-':>6}  {row.unfit.zh} {row.unfit.value}"
    points = {name: getattr(row, name) for name in ("load", "skill", "device", "first_fix", "travel")}
    return f"  {row.person:<12} {row.score:>6}  {'  '.join(f'{name} {value}' for name, value in points.items())}"
