"""`ticketbus subscription`: who reads the public topics from outside, for whom, and whom to ask."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.samples import Language
from bus.cli.settings import Data, Json
from bus.cli.subscription_add import Client, Version, add, show_sample
from bus.cli.subscription_rewind import rewind

if TYPE_CHECKING:
    from bus.app import Core
    from bus.consistency.subscriptions import ListedSubscription

commands = typer.Typer(
    name="subscription", help="Who reads from outside, and whom to ask about it.", no_args_is_help=True
)
commands.command()(add)


@commands.command("sample")
def print_sample(
    client: Client,
    language: Language,
    version: Version = "1",
    into: Annotated[
        Path | None, typer.Option("--into", metavar="DIR", help="Write it there, with its pinned libraries and README.")
    ] = None,
    data: Data = None,
) -> None:
    """Print a subscriber in a language with the topics, group and events of a subscription filled in.

    Exits 1 when there is no such subscription, or a file is there already.

    Example: ticketbus subscription sample bi go --into ./subscriber
    """
    from bus.cli.run import with_core
    from bus.cli.samples import write_sample
    from bus.cli.subscriber_kit import filled_sample
    from bus.consistency.subscription_store import list_subscriptions
    from bus.postgres.pool import in_transaction

    async def work(core: "Core") -> None:
        for one in await in_transaction(core.pool, list_subscriptions, client, removed=False):
            if one.subscription.version != version:
                continue
            if into is None:
                show_sample(language, one.subscription, core)
                return
            text = filled_sample(language, one.subscription, core.contract, core.settings.namespace)
            try:
                for path in write_sample(language, text, into):
                    echo(str(path))
            except OSError as error:  # a file that is there stays as it is
                echo(f"ticketbus: {error.filename}: {error.strerror}", err=True)
                raise typer.Exit(1) from None
            return
        echo(f"没有“{client}”版本 {version} 的订阅 / there is no subscription of {client!r}, {version}", err=True)
        raise typer.Exit(1)

    with_core(data, work)


@commands.command("list")
def list_all(
    removed: Annotated[bool, typer.Option("--removed", help="Those that were removed, too.")] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """List the subscriptions: client, version, owner, contact, topics, types, regions, assignees.

    Example: ticketbus subscription list --json
    """
    from bus.cli.run import echo_json
    from bus.consistency.subscriptions import subscription_json

    listed = _read(data, "", removed=removed)
    for one in listed:
        echo_json(subscription_json(one)) if as_json else echo(_line(one))
    if not listed and not as_json:
        echo("没有订阅 / no subscriptions", err=True)


@commands.command()
def show(client: Client, data: Data = None, as_json: Json = False) -> None:
    """Show a client's subscriptions, removed ones too: who added and removed each, when and why; when it was last seen.

    Then how its consumer groups do on each topic, as `consumers list` has it: lag,
    verdict, evidence; and who last set their offsets back.

    Example: ticketbus subscription show bi
    """
    from bus.cli.run import echo_json, with_core
    from bus.consistency.subscriber import read_subscriber
    from bus.consistency.subscriptions import subscription_json
    from bus.consistency.topic_readers import seen_by
    from bus.intake.dispatch import utc_now
    from bus.postgres.pool import in_transaction

    listed = _read(data, client, removed=True)
    if not listed:
        echo(f"没有“{client}”的订阅 / there is no subscription of {client!r}", err=True)
        raise typer.Exit(1)
    known = with_core(data, lambda core: in_transaction(core.pool, read_subscriber, client))
    seen = known.seen
    for one in listed:
        if as_json:
            echo_json({**subscription_json(one), "seen": seen_by(one.subscription, seen), **known.json_of(one)})
            continue
        readers = [reader for reader in seen if one.subscription.is_read_by(reader.who)]
        echo(_line(one))
        echo(f"  消费组 groups: {', '.join(one.subscription.groups)}")
        if one.subscription.fields:
            echo(f"  字段 fields: {', '.join(one.subscription.fields)}")
        echo(f"  添加 added: {one.added_at:%Y-%m-%d %H:%M} {one.added_by} {one.added_why}".rstrip())
        if one.removed_at:
            echo(f"  移除 removed: {one.removed_at:%Y-%m-%d %H:%M} {one.removed_by} {one.removed_why}")
        for reader in readers:
            echo(f"  见于 seen: {reader.who} {reader.topic} {reader.last_at:%Y-%m-%d %H:%M:%S}Z")
        if not readers:
            echo("  从未见到 never seen")
        for line in known.lines(one, utc_now()):
            echo(line)


@commands.command()
def remove(
    client: Client,
    why: Annotated[str, typer.Option("--why", help="The reason, for those who read it later.")],
    version: Version = "1",
    data: Data = None,
) -> None:
    """Remove a subscription; its row stays, with who removed it and why. It takes no right away: `client revoke` does.

    Exits 1 when there is none.

    Example: ticketbus subscription remove bi --why "replaced by the warehouse"
    """
    from bus.cli.run import with_core
    from bus.consistency.subscription_store import remove_subscription
    from bus.intake.reserved_names import refuse_control
    from bus.postgres.pool import in_transaction

    refuse_control(why, "why")
    by = getpass.getuser()
    if not with_core(
        data, lambda core: in_transaction(core.pool, remove_subscription, client, version, by=by, why=why)
    ):
        echo(f"没有“{client}”版本 {version} 的订阅 / there is no subscription of {client!r}, {version}", err=True)
        raise typer.Exit(1)
    echo(f"{client} {version} 已移除 / removed")


def _read(data: Data, client: str, *, removed: bool) -> "list[ListedSubscription]":
    from bus.cli.run import with_core
    from bus.consistency.subscription_store import list_subscriptions
    from bus.postgres.pool import in_transaction

    return with_core(data, lambda core: in_transaction(core.pool, list_subscriptions, client, removed=removed))


def _line(one: "ListedSubscription") -> str:
    row = one.subscription
    rate = f"  {row.rate:g}/h" if row.rate else ""
    filters = "".join(f"  {', '.join(one)}" for one in (row.types, row.regions, row.assignees) if one)
    gone = "  已移除 removed" if one.removed_at else ""
    return f"{row.client:<24} {row.version:<6} {row.owner}  {row.contact}  {', '.join(row.topics)}{filters}{rate}{gone}"


commands.command()(rewind)
