"""`ticketbus topics`: the topic contract and the broker."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from bus.settings import Settings
    from schemas.acls import Acl
    from schemas.topics import Contract

Sources = Annotated[
    list[str] | None, typer.Option("--source", metavar="NAME", help="A system that writes ticket.commands; repeatable.")
]
Subscribers = Annotated[
    list[str] | None, typer.Option("--subscriber", metavar="NAME", help="A reader of the public topics; repeatable.")
]

commands = typer.Typer(name="topics", help="The topic contract.", no_args_is_help=True)


@commands.command("list")
def show(as_json: Json = False) -> None:
    """List every topic of the contract: who writes it, who reads it, what it holds.

    Example: ticketbus topics list --json
    """
    from bus.cli.run import echo_json
    from schemas.topics import load_contract

    for name, topic in load_contract().topics.items():
        if as_json:
            echo_json({"topic": name, **topic.model_dump(mode="json")})
        else:
            echo(f"{name:<16} {topic.partitions} partitions  {topic.about}")
            echo(f"{'':<16} {', '.join(topic.writers)} → {', '.join(topic.readers)}")


@commands.command()
def apply(
    acl: Annotated[bool, typer.Option("--acl", help="Set the ACLs that `topics acl` lists, too.")] = False,
    source: Sources = None,
    subscriber: Subscribers = None,
    data: Data = None,
) -> None:
    """Create missing topics, set configs that differ, register every schema, migrate the database; harmless to repeat.

    Says each change, from what to what. What the contract does not name stays.
    A number of partitions is never changed: where it differs no topic is
    touched, and it exits 1 with both numbers.

    With --acl, as one of Kafka's super users: ACLs that are missing are added,
    others stay and are listed.

    Example: ticketbus topics apply
    """
    from bus.app import prepare
    from bus.cli.run import resolved, run

    if (source or subscriber) and not acl:
        raise typer.BadParameter("--source and --subscriber go with --acl")
    settings = resolved(data)
    if acl:
        from bus.kafka.acls import apply_acls

        applied = run(apply_acls(settings, _acls(settings.namespace, source, subscriber)))
        for one in applied.added:
            echo(f"ACL added: {one}")
        for one in applied.others:
            echo(f"ACL stays, not the contract's: {one}")
        echo(f"{len(applied.added)} ACLs added")
    run(prepare(settings, echo))


@commands.command("acl")
def list_acls(
    source: Sources = None,
    subscriber: Subscribers = None,
    as_commands: Annotated[bool, typer.Option("--commands", help="As calls of kafka-acls.sh.")] = False,
    as_json: Json = False,
) -> None:
    """List the ACLs that the contract means: of each program, of the sources and the subscribers named. Asks no broker.

    Example: ticketbus topics acl --source mes --subscriber bi --commands
    """
    import dataclasses

    from bus.cli.run import echo_json
    from bus.settings import load
    from schemas import acls

    derived = _acls(load().namespace, source, subscriber)
    if as_commands:
        for line in acls.commands(derived):
            echo(line)
        return
    for one in derived:
        if as_json:
            echo_json(dataclasses.asdict(one))
        else:
            echo(str(one))


@commands.command()
def check(
    live: Annotated[
        bool,
        typer.Option("--live", help="Hold topics, schemas and the subscriptions of those who run against it too."),
    ] = False,
    data: Data = None,
) -> None:
    """Check the contract itself; with --live, the broker and the schema registry as well. Exits 1 on a difference.

    Live, it also lists undeclared topics, and who subscribes to one: members of consumer groups now (those of the
    protocol of KIP-848 no broker tells of), clients that the gateway refused in the last ten minutes. Each with the
    nearest declared name and what mends it. TICKETBUS_TOPICS_ALLOWED_FILE names what may be, and why.

    In the registry each record's latest version is to be this program's schema, and its compatibility level the
    bus's own.

    Example: ticketbus topics check --live
    """
    from bus.cli.run import resolved, run
    from bus.consistency.registry_check import schema_differences
    from bus.kafka.topic_admin import topic_differences
    from bus.schema_registry import registry_of
    from schemas.topics import load_contract

    contract = load_contract()
    settings = resolved(data) if live else None
    differences = run(topic_differences(settings, contract)) if settings else []
    if settings and (registry := registry_of(settings)):
        differences += [str(one.text) for one in run(schema_differences(registry))]
    if settings:
        differences += run(_mismatch_lines(settings, contract))
    for one in differences:
        echo(one)
    if differences:
        raise typer.Exit(1)
    echo(f"{len(contract.topics)} topics" + (" stand as declared" if live else " are declared"))


async def _mismatch_lines(settings: "Settings", contract: "Contract") -> list[str]:
    from bus.app import require
    from bus.consistency.mismatch_store import read_mismatches
    from bus.consistency.topic_mismatch import MismatchKind, allowed_topics
    from bus.postgres.pool import connected, open_pool
    from bus.programs.topic_watch import live_mismatches
    from deadletter.topic_mismatch import mend_of, mismatch_text, severity_of

    found = await live_mismatches(settings, contract, allowed_topics(settings.topics_allowed_file))
    async with open_pool(require(settings, "database_url"), size=1) as pool, connected(pool) as connection:
        found += [one for one in await read_mismatches(connection) if one.kind is MismatchKind.STREAM]
    return [f"{severity_of(one).value.upper()} {mismatch_text(one)}  → {mend_of(one)}" for one in found]


def _acls(namespace: str, sources: Iterable[str] | None, subscribers: Iterable[str] | None) -> "tuple[Acl, ...]":
    from schemas.acls import acls_of
    from schemas.topics import load_contract

    try:
        return acls_of(load_contract(), namespace=namespace, sources=sources or (), subscribers=subscribers or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
