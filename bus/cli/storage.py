"""`ticketbus storage`: what is stored, how much of it, how old it is, and how long it is kept."""

from typing import TYPE_CHECKING

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.postgres.retention import Stored

commands = typer.Typer()


@commands.command()
def storage(data: Data = None, as_json: Json = False) -> None:
    """Show each table: rows (from 10,000 on an estimate), bytes with indexes, the oldest row, and how long rows stay.

    Example: ticketbus storage --json | jq 'select(.bytes > 1e9)'
    """
    from dataclasses import asdict

    from bus.cli.run import echo_json, with_core
    from bus.postgres.retention import days_kept
    from bus.postgres.retention import storage as read

    for one in with_core(data, lambda core: read(core.pool, days_kept(core.settings.keep_days))):
        if as_json:
            echo_json(asdict(one))
        else:
            echo(_line(one))


def _line(one: "Stored") -> str:
    kept = "永久 for ever" if one.days is None else f"{one.days} 天 days"
    oldest = f"最早 oldest {one.oldest:%Y-%m-%d %H:%M}" if one.oldest else ""
    size = f"{one.bytes / 1024**2:>10,.1f} MiB"
    return f"{one.table:<20} {one.rows:>12,} rows  {size}  保留 kept {kept:<14} {oldest}".rstrip()
