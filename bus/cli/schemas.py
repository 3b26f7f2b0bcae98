"""`ticketbus schemas`: the contract of this version held against an older one, and whom a difference breaks."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bus.consistency.subscriptions import Subscription

commands = typer.Typer(name="schemas", help="The contract's schemas, and what a change breaks.", no_args_is_help=True)


@commands.command()
def check(
    against: Annotated[
        str,
        typer.Option("--against", metavar="REF", help="A commit, branch or tag of the checkout here, or a folder."),
    ],
    subscribed: Annotated[
        typer.FileText | None,
        typer.Option(
            "--subscriptions",
            metavar="FILE",
            encoding="utf-8",
            help="What `ticketbus subscription list --json` prints; - is standard input.",
        ),
    ] = None,
    changelog: Annotated[bool, typer.Option("--changelog", help="Draw it as a section of a changelog.")] = False,
    as_json: Json = False,
) -> None:
    """Say in what topics and schemas differ from an older version, what of it breaks readers, and which subscribers.

    For a pull request: it asks no database, broker or registry. What breaks: whatever FULL_TRANSITIVE forbids; a
    topic, event or field that is gone, unless schemas/deprecations.yaml of the older version announced it and its day
    is over; a topic that keeps less. A subscriber that has named the fields it uses (`subscription add --field`) is
    named for those alone, any other for each field of its events, with `maybe`.

    Exits 1 when something breaks, 2 when the older version cannot be read, or a file of this one does not say what the
    code says.

    Example: ticketbus schemas check --against origin/main
    """
    from datetime import UTC, datetime

    from bus.cli.run import echo_json
    from bus.consistency.schema_gate import GateResult, changelog_of, gate
    from schemas.catalogue import undrawn
    from schemas.snapshots import NoSnapshot, here, snapshot_at

    if stale := undrawn():  # what is compared are files
        for name in stale:
            echo(f"{name} 与代码不符,请先运行 ticketbus docs draw / is not drawn: run ticketbus docs draw", err=True)
        raise typer.Exit(2)
    try:
        before, after = snapshot_at(against), here()
    except NoSnapshot as error:
        raise typer.BadParameter(str(error), param_hint="--against") from None
    if misnamed := after.misnamed():
        names = ", ".join(misnamed)
        echo(f"deprecations.yaml 中没有这些名称 / names no topic, event or field: {names}", err=True)
        raise typer.Exit(2)
    readers = _read(subscribed) if subscribed else []
    found: Sequence[GateResult] = gate(before, after, readers, datetime.now(UTC).date())
    if as_json:
        for one in found:
            echo_json(one.as_json())
    else:
        for line in changelog_of(found) if changelog else (line for one in found for line in one.lines()):
            echo(line)
    broken = [one for one in found if one.difference.breaks]
    if not as_json and not changelog:
        echo(f"{len(found)} 处不同,{len(broken)} 处不兼容 / {len(found)} differences, {len(broken)} break readers")
        if not subscribed:
            echo("未给 --subscriptions,不知影响谁 / whom is not known without --subscriptions", err=True)
    if broken:
        raise typer.Exit(1)


def _read(lines: "Iterable[str]") -> "list[Subscription]":
    """Read subscriptions, an object a line; what other fields they have is nobody's matter here."""
    import json

    from bus.consistency.subscriptions import subscription_read

    read = []
    for number, line in enumerate(lines, 1):
        try:
            read.append(subscription_read(json.loads(line)))
        except (ValueError, TypeError, KeyError) as error:
            wrong = f"line {number} is no subscription ({error}): give what `subscription list --json` prints"
            raise typer.BadParameter(wrong, param_hint="--subscriptions") from None
    return read
