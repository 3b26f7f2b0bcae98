"""`ticketbus topics`: the topic contract and the broker."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from schemas.acls import Acl

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
        typer.Option("--live", help="Hold topics, schemas and those who read against it too."),
    ] = False,
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Check the contract itself; with --live, all that runs as well. Exits 1 when something is wrong.

    Itself: each topic that is read has a writer and each that is written a reader (or is `open`, and says why), each
    kind of record has a topic, each schema file says what its class says.

    Live: the broker's partitions, retention, compaction and other configs; in the registry each record's latest
    version and compatibility level; who uses an undeclared topic (members of consumer groups now, clients that the
    gateway refused in the last ten minutes, topics on the broker, with how many records); declared readers that do
    not read; topics to which nothing was written for longer than ever at this hour of the week; who reads without a
    subscription, subscribers that were never seen, and their filters that match no ticket.

    Each with its severity, what shows it, the nearest declared name and what mends it; `info` is nothing wrong.
    Groups of the newer protocol (KIP-848) no broker tells of. TICKETBUS_TOPICS_ALLOWED_FILE names what may be
    undeclared, and why.

    Example: ticketbus topics check --live
    """
    from bus.cli.run import echo_json, resolved, run
    from bus.consistency.contract_check import check_contract
    from bus.intake.dispatch import utc_now
    from schemas.topics import load_contract

    contract = load_contract()
    if live:
        from bus.programs.topics_check import check_all

        results = run(check_all(resolved(data), contract, utc_now()))
    else:
        results = check_contract(contract)
    for one in results:
        echo_json(one.as_json()) if as_json else echo(str(one))
    if any(one.severity for one in results):
        raise typer.Exit(1)
    if not as_json:
        echo(f"{len(contract.topics)} topics" + (" stand as declared" if live else " are declared"))


def _acls(namespace: str, sources: Iterable[str] | None, subscribers: Iterable[str] | None) -> "tuple[Acl, ...]":
    from schemas.acls import acls_of
    from schemas.topics import load_contract

    try:
        return acls_of(load_contract(), namespace=namespace, sources=sources or (), subscribers=subscribers or ())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
