"""`ticketbus subscription add`: declares who reads, and ends with what that takes: token, rights, group, a sample."""

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.samples import Language
from bus.cli.settings import Data

if TYPE_CHECKING:
    from bus.app import Core
    from bus.consistency.subscriptions import Subscription

Client = Annotated[str, typer.Argument(help="The client's name, as `client add` or `topics acl --subscriber` has it.")]
Version = Annotated[str, typer.Option("--version", help="The version of the subscription; several may be there.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--type", metavar="EVENT", help="An event that it uses, as TicketAssigned; without: all."),
]
Regions = Annotated[
    list[str] | None,
    typer.Option("--region", metavar="REGION", help="Of tickets of this region alone; repeatable; without: all."),
]
Assignees = Annotated[
    list[str] | None,
    typer.Option("--assignee", metavar="NAME", help="Of tickets that are with this person; repeatable."),
]
Groups = Annotated[
    list[str] | None,
    typer.Option("--group", metavar="GROUP", help="Its consumer group on Kafka, `mes-*`: all that begin so."),
]
Fields = Annotated[
    list[str] | None,
    typer.Option("--field", metavar="FIELD", help="A field that it uses, as TicketAssigned.assignee; repeatable."),
]
Sample = Annotated[
    Language | None, typer.Option("--sample", help="Print a subscriber in this language; the rest goes to stderr.")
]
Rate = Annotated[float | None, typer.Option("--rate", metavar="N", help="Events an hour that it expects, over a day.")]


def add(
    client: Client,
    owner: Annotated[str, typer.Option("--owner", help="The team that runs it.")],
    contact: Annotated[str, typer.Option("--contact", help="The team's mailbox, channel or rota; no phone number.")],
    topic: Annotated[list[str], typer.Option("--topic", metavar="TOPIC", help="A topic that it reads; repeatable.")],
    *,
    event: Events = None,
    region: Regions = None,
    assignee: Assignees = None,
    group: Groups = None,
    field: Fields = None,
    rate: Rate = None,
    version: Version = "1",
    why: Annotated[str, typer.Option("--why", help="What it is for.")] = "",
    with_token: Annotated[
        bool, typer.Option("--token", help="Add the client, with the role subscriber, too; its token is shown once.")
    ] = False,
    language: Sample = None,
    data: Data = None,
) -> None:
    """Add a subscription: alerts about this client then name its owner and contact, and `topics check` expects it.

    Without --group its groups are the one of its name, and those that begin
    with subscriber.NAME/. The gateway's stream gives it what --type, --region and
    --assignee name alone; `topics check --live` says when far less than --rate
    comes. It grants nothing: tokens come from `client add` or --token, rights on
    Kafka from `topics apply --acl`. It ends with what the subscriber needs. To
    change one, remove it and add it again.

    Example: ticketbus subscription add bi --owner 数据组 --contact bi@corp --topic ticket.assign
    """
    from bus.cli.run import with_core
    from bus.cli.subscriber_kit import kit_lines
    from bus.consistency.subscription_store import add_subscription
    from bus.consistency.subscriptions import Subscription, groups_of, read_subscription
    from bus.gateway.auth.binding import Binding
    from bus.gateway.auth.clients import add_client
    from bus.gateway.auth.roles import Role
    from bus.intake.reserved_names import plain_name, refuse_control
    from bus.postgres.pool import connected

    refuse_control(why, "why")

    async def work(core: "Core") -> None:
        asked = Subscription(
            client=client,
            owner=owner,
            contact=contact,
            topics=tuple(dict.fromkeys(topic)),
            types=tuple(dict.fromkeys(event or ())),
            regions=tuple(dict.fromkeys(region or ())),
            assignees=tuple(dict.fromkeys(map(plain_name, assignee or ()))),
            version=version,
            rate=rate,
            groups=tuple(dict.fromkeys(group or ())) or groups_of(client, core.settings.namespace),
            fields=tuple(dict.fromkeys(field or ())),
        )
        checked = read_subscription(asked, core.contract, core.settings.namespace)
        async with connected(core.pool) as connection:
            number = await add_subscription(connection, checked, by=getpass.getuser(), why=why)
        apart = language is not None  # stdout is the sample's alone
        echo(f"订阅 {number}: {client} {version} 已添加 / added", err=apart)
        token = await add_client(core.pool, client, Role.SUBSCRIBER, Binding(bound=True)) if with_token else ""
        for line in kit_lines(checked, core.settings, token):
            echo(line, err=apart)
        if language is not None:
            show_sample(language, checked, core)

    with_core(data, work)


def show_sample(language: Language, subscription: "Subscription", core: "Core") -> None:
    """Print a subscriber in a language, with what is the subscription's own filled in."""
    from bus.cli.subscriber_kit import filled_sample, sample_hint

    text = filled_sample(language, subscription, core.contract, core.settings.namespace)
    for line in text.expandtabs(4).splitlines():
        echo(line)
    echo(sample_hint(language), err=True)
