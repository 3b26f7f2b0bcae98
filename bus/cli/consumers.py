"""`ticketbus consumers`: who reads the topics, and how that goes."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.app import Core
    from bus.consistency.consumer_verdict import ConsumerStatus

commands = typer.Typer(name="consumers", help="Who reads the topics, and how that goes.", no_args_is_help=True)


@commands.command("list")
def list_all(data: Data = None, as_json: Json = False) -> None:
    """List consumer groups on the bus's topics, and queues of deliveries: lag, oldest unread, verdict, since, evidence.

    A worker judges them every ten seconds; where none does, the list says so. Exits 1 then, and when a verdict is
    neither ok nor idle.

    Example: ticketbus consumers list --json | jq 'select(.verdict != "ok")'
    """
    from bus.cli.run import echo_json, with_core
    from bus.consistency.consumer_round import unhealthy
    from bus.consistency.consumer_store import all_consumers
    from bus.consistency.consumer_text import consumer_json, watched
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    found, now = with_core(data, lambda core: in_transaction(core.pool, all_consumers)), utc_now()
    for one in found:
        if as_json:
            echo_json(consumer_json(one))
        else:
            echo(_line(one, now))
    silent = not watched(found, now)
    if silent:
        last = max((one.read_at for one in found), default=None)
        since = f"{last:%m-%d %H:%M:%S} UTC" if last else "从未 never"
        echo(
            f"没有 worker 在观察消费者,最后一次 {since}:启动 ticketbus worker / "
            f"no worker watches consumers, the last time was {since}: start `ticketbus worker`",
            err=True,
        )
    if silent or any(unhealthy(one) for one in found):
        raise typer.Exit(1)


@commands.command()
def remove(
    consumer: Annotated[str, typer.Argument(help="The group, as `consumers list` shows it.")],
    topic: Annotated[
        str | None,
        typer.Option(help="Only on this topic, as the list shows it: its committed offsets there are deleted, too."),
    ] = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Delete the offsets without asking.")] = False,
    data: Data = None,
) -> None:
    """Forget a consumer group that is retired, on all its topics: its alert closes.

    One that still has offsets or members on the broker is listed again within ten seconds: delete it there first. With
    --topic its committed offsets of that topic are deleted from Kafka, once you have seen them and said so; refused
    while a member subscribes to it.

    Example: ticketbus consumers remove dashboard --topic ticket.assign
    """
    from bus.cli.run import with_core

    if topic and not yes:
        _ask(data, consumer, topic)
    removed, offsets = with_core(data, lambda core: _removed(core, consumer, topic))
    if not removed and not offsets:
        where = f"({topic})" if topic else ""
        echo(f"没有消费者“{consumer}”{where} / there is no consumer {consumer!r}{where}", err=True)
        raise typer.Exit(1)
    deleted = f",已删除 {offsets} 个分区的位移 / offsets of {offsets} partitions deleted" if topic else ""
    echo(f"{consumer} 已移除 / removed{deleted}")


def _ask(data: Data, consumer: str, topic: str) -> None:
    """Show what is deleted on Kafka and ask; Exit 1 where the answer is no, or nobody is there to answer."""
    from bus.cli.run import with_core
    from bus.kafka.group_offsets import committed_offsets

    offsets = with_core(data, lambda core: committed_offsets(core.settings, consumer, topic))
    if not offsets:
        return
    for partition, offset in offsets.items():
        echo(f"{topic}  分区 partition {partition}  位移 offset {offset}")
    asked = f"删除 {consumer} 的这些位移?它将不知从何读起 / delete these offsets of {consumer}? It loses its place"
    typer.confirm(asked, abort=True)


async def _removed(core: "Core", consumer: str, topic: str | None) -> tuple[int, int]:
    from bus.consistency.consumer_store import remove_consumer
    from bus.kafka.group_offsets import delete_offsets
    from bus.postgres.pool import in_transaction

    offsets = await delete_offsets(core.settings, consumer, topic) if topic else 0
    return await in_transaction(core.pool, remove_consumer, consumer, topic), offsets


def _line(one: "ConsumerStatus", now: datetime) -> str:
    from bus.consistency.consumer_text import WORDS, age_text, evidence
    from bus.consistency.shown_names import shown

    word, figures, age = WORDS[one.verdict], evidence(one), age_text(one.oldest_at, now)
    oldest = f"  最早 oldest {age}" if age else ""
    return (
        f"{shown(one.consumer):<28} {one.topic:<18} 积压 lag {one.lag:>7}{oldest}  {word.zh} {word.en}"
        f"  自 since {one.since:%m-%d %H:%M:%S}  {figures.zh} / {figures.en}"
    )
