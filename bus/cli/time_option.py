"""An option that is a time: RFC 3339 with its offset, as everywhere else."""

from datetime import datetime

import typer


def read_time_option(text: str, option: str) -> datetime:
    """Read an option that is a time. Raises typer.BadParameter."""
    from bus.domain.errors import MalformedInput
    from bus.intake.command_bodies import read_time

    try:
        return read_time(text, option)
    except MalformedInput as refused:
        raise typer.BadParameter(str(refused.text), param_hint=option) from None
