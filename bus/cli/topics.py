"""`ticketbus topics`: the topic contract and the broker."""

from typing import Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

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
def apply(data: Data = None) -> None:
    """Create missing topics, set configs that differ, register every schema, migrate the database; harmless to repeat.

    Says each change, from what to what. What the contract does not name stays.
    A number of partitions is never changed: where it differs no topic is
    touched, and it exits 1 with both numbers.

    Example: ticketbus topics apply
    """
    from bus.app import prepare
    from bus.cli.run import resolved, run

    run(prepare(resolved(data), echo))


@commands.command()
def check(
    live: Annotated[bool, typer.Option("--live", help="Hold the broker's topics against the contract too.")] = False,
    data: Data = None,
) -> None:
    """Check the contract itself; with --live, the broker as well. Exits 1 on a difference.

    Example: ticketbus topics check --live
    """
    from bus.cli.run import resolved, run
    from bus.kafka.topic_admin import topic_differences
    from schemas.topics import load_contract

    contract = load_contract()
    differences = run(topic_differences(resolved(data), contract)) if live else []
    for one in differences:
        echo(one)
    if differences:
        raise typer.Exit(1)
    echo(f"{len(contract.topics)} topics" + (" stand as declared" if live else " are declared"))
