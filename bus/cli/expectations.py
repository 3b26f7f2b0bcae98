"""`ticketbus expectations`: what is expected of events, within how long, and what was learned of that."""

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

commands = typer.Typer()


@commands.command()
def expectations(data: Data = None, as_json: Json = False) -> None:
    """List the expectations of this machine's files with their limits; of learned ones the p99 and its samples.

    Example: ticketbus expectations --json | jq 'select(.samples < 200)'
    """
    from bus.cli.run import echo_json, with_core
    from bus.programs.expectations import expectation_limits

    for row in with_core(data, expectation_limits):
        if as_json:
            echo_json(row)
            continue
        line = (
            f"{row['expectation']:<24} {row['hop']} {row['where']}  时限 limit {row['limit_s']:,.1f} s, "
            f"书面 written {row['within_s']:,.0f} s"
        )
        if row["computed_at"]:
            p99 = "-" if row["p99_s"] is None else f"{row['p99_s']:,.3f} s"
            line += f", 学得 learned p99 {p99}, {row['samples']:,} samples, {row['computed_at']:%m-%d %H:%M} UTC"
        elif row["learned"]:
            line += ", 尚未学得 nothing learned yet"
        echo(line)
