"""`ticketbus stage`: the handlers of the stages."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data

if TYPE_CHECKING:
    from bus.app import Core

commands = typer.Typer(name="stage", help="The handlers that read Kafka.", no_args_is_help=True)


class Where(StrEnum):
    """Where a handler goes on."""

    START = "start"
    END = "end"


@commands.callback()
def stage() -> None:
    """Make it a group, also while it has one command."""


@commands.command()
def reset(
    handler: Annotated[str, typer.Argument(help="As `projection list` names it, such as intake.")],
    to: Annotated[Where | None, typer.Option("--to", help="Where it goes on in the topic that is there now.")] = None,
    data: Data = None,
) -> None:
    """Let a handler that stands still go on in a topic that was made anew, as when Kafka lost its disks.

    It goes on at the start: what took effect before does not again, effects go by event and command. Of `deliveries`
    say where: from the start, each event without a delivery is delivered (one that was settled more than
    90 days ago has none, nor has one from before its target was added); from the end, an event that
    was on the log and not yet queued is delivered to nobody. Safe while workers run. A handler that stands where it
    can go on is left alone: exit 1.

    Example: ticketbus stage reset intake
    """
    from bus.cli.run import with_core
    from bus.stage.offsets import DELIVERIES_HANDLER

    if to is None and handler == DELIVERIES_HANDLER:
        raise typer.BadParameter("请用 --to 指明 start 或 end / say with --to where deliveries go on: start or end")
    if to is Where.END and handler != DELIVERIES_HANDLER:
        raise typer.BadParameter(
            "--to end 只用于 deliveries / only deliveries go on at the end: others lose nothing by the start"
        )
    partitions = with_core(data, lambda core: _reset(core, handler, to or Where.START))
    if not partitions:
        echo(f"{handler} 位置无误,不需重置 / {handler} stands where it can go on; nothing is reset", err=True)
        raise typer.Exit(1)
    echo(f"{handler}: {partitions} 个分区 partitions → {to or Where.START}")


async def _reset(core: "Core", handler: str, to: Where) -> int:
    from bus.delivery.enqueue_handler import skip_unread
    from bus.domain.errors import KafkaUnavailable
    from bus.domain.naming import nearest
    from bus.kafka.range_reader import open_reader
    from bus.postgres.pool import connected
    from bus.stage import offsets

    async with connected(core.pool) as connection:
        rows = await offsets.positions(connection)
    known = sorted({row.handler for row in rows})
    rows = [row for row in rows if row.handler == handler]
    if not rows:
        raise typer.BadParameter(f"no such handler; did you mean {nearest(handler, known) or ', '.join(known)}?")
    topic = rows[0].topic
    async with open_reader(core.settings) as reader:
        topic_id = await reader.topic_id(topic)
        if topic_id is None:
            raise KafkaUnavailable(offsets.no_topic(topic))
        ends = await reader.ends(topic, [row.partition for row in rows])
    if not any(offsets.misplaced(row, topic_id, ends[row.partition]) for row in rows):
        return 0
    async with connected(core.pool) as connection:
        if to is Where.END:
            await skip_unread(connection)
        return await offsets.reset(connection, handler, ends if to is Where.END else None)
