"""`ticketbus settings`: every setting, its value and where that came from."""

import dataclasses
import json
from pathlib import Path
from typing import Annotated

import typer

from bus.cli.echo import echo

commands = typer.Typer()

Data = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Data directory of the local stack (default: TICKETBUS_DATA)."),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@commands.command("settings")
def show(data: Data = None, as_json: Json = False) -> None:
    """List every setting with its source (environment, local stack or default), secrets masked.

    Example: ticketbus settings --json | grep '"source": "environment"'
    """
    from bus.lent_settings import resolve
    from bus.settings import load
    from bus.settings_listing import listing

    settings = load()
    resolved = resolve(settings, data.expanduser().resolve() if data else None)
    for each in listing(settings, resolved):
        if as_json:
            echo(json.dumps(dataclasses.asdict(each), ensure_ascii=False))
        else:
            echo(f"{each.variable:<34} {each.value or '-':<48} {each.source}")
