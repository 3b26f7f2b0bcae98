"""`ticketbus trace`: where a ticket has been, hop by hop."""

from typing import Annotated, Any

import typer

from bus.cli.settings import Data, Json

commands = typer.Typer()

_HOPS = {
    "occurred": "发生 occurred",
    "received": "收到 received",
    "committed": "入库 committed",
    "published": "发布 published",
    "waiting": "待发 waiting",
    "projected": "投影 projected",
    "pushed": "推送 pushed",
}


@commands.command()
def trace(
    anything: Annotated[
        str, typer.Argument(metavar="ANY", help="Ticket no., source no., serial, order no., phone, trace id.")
    ],
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Tell a ticket's journey: every event, every hop with its time and its lag. Exits 1 when nothing is found.

    Example: ticketbus trace T20261122-000123
    """
    from bus.cli.run import echo_json, with_core
    from bus.journey import journey
    from bus.topics import LOG, physical

    told = with_core(
        data, lambda core: journey(core.pool, core.schemas, physical(core.settings.namespace, LOG), anything)
    )
    if told is None:
        typer.echo(f"没有找到“{anything}” / nothing is known by {anything!r}", err=True)
        raise typer.Exit(1)
    if as_json:
        echo_json(told)
    else:
        for line in lines(told):
            typer.echo(line)


def lines(told: dict[str, Any]) -> list[str]:
    """Spell a journey for people: Chinese first. Pure."""
    state = f"状态 {told['state_zh']} ({told['state']}), version {told['version']}"
    origin = f"来源 {told['source']} {told['source_no']}; trace {told['trace_id']}"
    said = [f"{told['ticket_id']} {told['title']}", f"{state}; {origin}"]
    if told["also"]:
        said.append(f"另有 / also known by this name: {', '.join(told['also'])}")
    for event in told["events"]:
        marks = " ".join(name for name in ("historic", "implied") if event[name])
        said.append(f"\n{event['version']:>3} {event['event_type']}  {event['actor']}  {marks}".rstrip())
        for hop in event["hops"]:
            at = f"{hop['at']:%Y-%m-%d %H:%M:%S.%f}"[:-3] if hop["at"] else "-"
            lag = f"+{hop['lag_ms']:,.1f} ms" if hop["lag_ms"] is not None else ""
            said.append(f"      {_HOPS[hop['hop']]:<14} {at}  {lag:>14}  {hop['where']}")
    said.extend(
        f"\n  拒绝 refused: {one['detail']} / {one['detail_en']} ({one['origin']}, {one['times']}×)"
        for one in told["refusals"]
    )
    return said
