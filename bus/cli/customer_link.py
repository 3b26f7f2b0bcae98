"""`ticketbus customer-link`: the link to a customer's page of a ticket, as text and as a QR code, and its end."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bus.cli import redrive
from bus.cli.echo import echo
from bus.cli.settings import Data

commands = typer.Typer(name="customer-link", help="The links to customers' pages.", no_args_is_help=True)
Number = Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number.")]
_NO_PAGE = (
    "没有客户页面:请设置 TICKETBUS_CUSTOMER_URL 和 TICKETBUS_MASTER_KEY / "
    "there is no page for customers: set TICKETBUS_CUSTOMER_URL and TICKETBUS_MASTER_KEY"
)


@commands.command()
def show(
    number: Number,
    svg: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write it as a QR code, too.")] = None,
    data: Data = None,
) -> None:
    """Show the link for the customer; whoever has it sees the page.

    Exits 1 when there is no such ticket, or no page.

    Example: ticketbus customer-link show T20261122-000123 --svg label.svg
    """
    from bus.cli.run import with_core
    from bus.domain.terms import TicketId
    from bus.programs.customer_links import customer_link_of
    from bus.wire.qr_code import qr_svg

    link = with_core(data, lambda core: customer_link_of(core, TicketId(number)))
    if link is None:
        _nothing(number)
    if not link:
        echo(_NO_PAGE, err=True)
        raise typer.Exit(1)
    if svg is not None:
        svg.write_bytes(qr_svg(link, title=number))
    echo(link)


@commands.command()
def revoke(
    number: Number,
    by: Annotated[str, typer.Option("--by", callback=redrive.person, help="Who revokes it, by name.")],
    why: Annotated[str, typer.Option("--why", callback=redrive.not_blank, help="Why; it is kept.")],
    data: Data = None,
) -> None:
    """Revoke the links that were given out; the next `show` gives another one.

    Exits 1 when there is no such ticket.

    Example: ticketbus customer-link revoke T20261122-000123 --by 张工 --why 链接发错了人
    """
    from bus.cli.run import with_core
    from bus.domain.batch import Refused
    from bus.domain.decided import Decided
    from bus.domain.terms import TicketId
    from bus.intake.dispatch import utc_now
    from bus.programs.customer_links import revoke_customer_link

    decided = Decided(by=by, why=why, at=utc_now())
    outcome = with_core(data, lambda core: revoke_customer_link(core, TicketId(number), decided))
    if outcome is None:
        _nothing(number)
    if isinstance(outcome, Refused):
        echo(str(outcome.error.text), err=True)
        raise typer.Exit(1)
    echo(f"{number} 的客户链接已作废 / its links are revoked")


def _nothing(number: str) -> NoReturn:
    echo(f"没有工单“{number}” / there is no ticket {number!r}", err=True)
    raise typer.Exit(1)
