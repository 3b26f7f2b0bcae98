"""`ticketbus notices`: what persons refused to be written."""

from typing import Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

commands = typer.Typer(name="notices", help="Messages to people.", no_args_is_help=True)


@commands.command()
def refusals(
    forget: Annotated[
        str | None,
        typer.Option("--forget", metavar="TARGET[:PERSON]", help="Write to them again: a person as listed, or all."),
    ] = None,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List which persons refused messages of which kind, by target; no address is shown, a digest stands for each.

    Exits 1 when there is nothing to forget.

    Example: ticketbus notices refusals --forget wechat:qZ1x0TnbWs4a
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.delivery.recipients import forget_refusals, list_refusals

    if forget is not None:
        target, _, who = forget.partition(":")
        count = with_core(data, lambda core: forget_refusals(core.pool, target, who))
        echo(f"{target}: 已忘记 {count} 条拒收 / refusals forgotten", err=not count)
        if not count:
            raise typer.Exit(1)
        return
    for one in with_core(data, lambda core: list_refusals(core.pool)):
        if as_json:
            echo_json(asdict(one))
        else:
            echo(f"{one.target:<16} {one.person}  {one.kind:<24} {one.code:<8} 自 since {one.since:%m-%d %H:%M}")
