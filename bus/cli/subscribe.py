"""`ticketbus subscribe`: the events of topics as lines, for eyes and for pipes, through the gateway's stream."""

import json
import os
import sys
from collections.abc import Collection, Iterable, Mapping
from contextlib import aclosing
from typing import Annotated, Any

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

commands = typer.Typer()


@commands.command()
def subscribe(
    topic: Annotated[list[str], typer.Argument(metavar="TOPIC…", help="Public topics, such as ticket.assign.")],
    begin: Annotated[
        str, typer.Option("--from", metavar="TIME", help="RFC 3339, or `start`: all that is kept; without: now.")
    ] = "",
    event: Annotated[
        list[str] | None, typer.Option("--type", metavar="EVENT", help="An event, as TicketAssigned; repeatable.")
    ] = None,
    *,
    version: Annotated[
        str, typer.Option("--version", metavar="V", help="What this version of its subscription leaves; without: any.")
    ] = "",
    until_now: Annotated[
        bool, typer.Option("--until-now", help="End at what is the newest record at the start; without --from: all.")
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Follow topics through the gateway, a line an event: time, ticket, version, event, topic, who, trace id.

    It reads with TICKETBUS_TOKEN at TICKETBUS_URL: rights and the rules of
    personal data are the token's. A connection that is lost is made again at
    the same place. Exits 2 when there is no such topic, event or version, 1 when
    the gateway does not answer or refuses the token.

    Example: ticketbus subscribe ticket.assign --until-now --json | jq .data.assignee
    """
    from bus.app import require
    from bus.cli.pipe import ended_by_its_reader
    from bus.cli.run import resolved, run
    from bus.cli.stream_client import START, StreamClient, StreamRefused
    from bus.consistency.subscriptions import VERSION_FORM, is_version
    from bus.settings import secret_of
    from bus.tls import trust_at

    settings = resolved(data)
    url = require(settings, "url")
    types = _ce_types(event or (), topic)
    if version and not is_version(version):
        raise typer.BadParameter(str(VERSION_FORM), param_hint="--version")
    client = StreamClient(
        url=url,
        trust=trust_at(url, settings),
        token=secret_of(settings, "token") or "",
        topics=tuple(dict.fromkeys(topic)),
        begin=begin or (START if until_now else ""),
        version=version,
        until_now=until_now,
        notify=lambda text: echo(text, err=True),
    )

    async def work() -> None:
        async with ended_by_its_reader(), aclosing(client.events()) as frames:
            async for frame in frames:
                if not types or frame["ce"]["type"] in types:
                    echo(json.dumps(frame, ensure_ascii=False) if as_json else line_of(frame))

    try:
        run(work())
    except StreamRefused as refused:
        echo(f"ticketbus: {refused}", err=True)
        raise typer.Exit(2) from None
    except BrokenPipeError:  # who read has what it wanted; what Python flushes at its end has no reader either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def line_of(frame: Mapping[str, Any]) -> str:
    """Say an event on one line. Pure."""
    from schemas.catalogue import NAME_BY_CE_TYPE

    ce = frame["ce"]
    name = NAME_BY_CE_TYPE.get(ce["type"], ce["type"])
    ticket = f"{ce['subject']} v{frame['ticket_version']}"
    trace = frame["traceparent"].split("-")[1]
    return f"{ce['time'][:19]}Z  {ticket:<21} {name:<20} {frame['topic']:<14} {trace}  {frame['data']['actor']}"


def _ce_types(events: Iterable[str], topics: Iterable[str]) -> Collection[str]:
    """Name the events as records do. Raises typer.BadParameter that names those that may have been meant."""
    from bus.domain.naming import did_you_mean_event
    from schemas.catalogue import CE_TYPES
    from schemas.topics import load_contract

    declared = load_contract().topics
    carried = {name for topic in topics if topic in declared for name in declared[topic].event_names}
    for one in events:
        if one not in CE_TYPES:
            meant = did_you_mean_event(one, carried or CE_TYPES)
            text = f"没有事件 {one!r}{meant.zh} / there is no event {one!r}{meant.en}"
            raise typer.BadParameter(text, param_hint="--type")
    return {CE_TYPES[one] for one in events}
