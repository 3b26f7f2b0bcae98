"""`ticketbus docs`: the reference pages and schema files, drawn from the code's tables and classes."""

from pathlib import Path
from typing import Annotated

import typer

from bus.cli.echo import echo

commands = typer.Typer(
    name="docs", help="Draw the reference pages of docs/ and the schema files from the code.", no_args_is_help=True
)

Root = Annotated[Path, typer.Option("--root", metavar="DIR", help="The checkout.", file_okay=False, exists=True)]


@commands.command()
def draw(root: Root = Path()) -> None:
    """Draw reference pages, schema files and the diagram of ARCHITECTURE.md anew; names what changed.

    Example: ticketbus docs draw
    """
    from bus.docgen import drawn, is_drawn, schema_files

    for draw_files in (schema_files, drawn):
        for path, text in draw_files(root).items():
            if not is_drawn(path, text):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                echo(f"{path} drawn")


@commands.command()
def check(root: Root = Path()) -> None:
    """Name the pages and schema files that do not say what the code says. Exits 1 when there are any.

    Example: ticketbus docs check
    """
    from bus.docgen import stale

    found = stale(root)
    for path in found:
        echo(f"{path} is stale; run `ticketbus docs draw`")
    if found:
        raise typer.Exit(1)
