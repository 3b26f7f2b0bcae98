"""The one way to the terminal: what other people wrote is shown, and never obeyed."""

import typer

from bus.domain.text import visible


def echo(line: str, *, err: bool = False) -> None:
    """Print one line; control and direction characters in it are shown as JSON would escape them."""
    typer.echo(visible(line), err=err)
