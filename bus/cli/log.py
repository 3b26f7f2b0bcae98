"""`ticketbus log`: PostgreSQL and Kafka against each other."""

from typing import TYPE_CHECKING, Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data, Json

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.app import Core
    from bus.consistency.report import LogReport

commands = typer.Typer(
    name="log", help="Compare PostgreSQL and Kafka, and fill one from the other.", no_args_is_help=True
)


@commands.command()
def verify(data: Data = None, as_json: Json = False) -> None:
    """Compare every event of PostgreSQL with every record of ticket.events, and states with events.

    Exits 1 on a difference; so does an alert say, which also asks for a run a day.

    Example: ticketbus log verify --json
    """
    from bus.cli.run import counting, echo_report, with_core

    progress, tell = counting("records compared:")
    with progress:
        report = with_core(data, lambda core: _verified(core, tell))
    if as_json:
        echo_report(report)
    else:
        echo(
            f"{report.stored:,} events in PostgreSQL, {report.records:,} records on Kafka, "
            f"{report.repeats:,} harmless repeats, {report.waiting:,} still to publish, "
            f"{report.differences:,} differences"
        )
        for one in report.listed:
            echo(f"  {one.kind}: {one.ticket_id} version {one.version} ({one.where})")
    if report.differences:
        raise typer.Exit(1)


@commands.command()
def republish(
    topic: Annotated[str, typer.Option("--topic", help="A topic of the contract.")] = "ticket.events",
    data: Data = None,
    as_json: Json = False,
) -> None:
    """Queue every event that a topic should hold and does not; a running worker publishes them.

    Example: ticketbus log republish --topic ticket.assign
    """
    from bus.cli.run import counting, echo_json, with_core
    from bus.outbox.republish import republish as fill
    from schemas.topics import load_contract

    contract = load_contract()
    known = contract.topics.get(topic)
    if known is None or not known.event_names:
        close = contract.nearest(topic)
        raise typer.BadParameter(f"{topic!r} is no event topic; did you mean {close!r}?", param_hint="--topic")
    progress, tell = counting("records read:")
    with progress:
        queued = with_core(data, lambda core: fill(core.pool, core.settings, contract, topic, tell))
    if as_json:
        echo_json({"topic": topic, "queued": queued})
    else:
        echo(f"{queued:,} events queued for {topic}")


@commands.command()
def restore(data: Data = None, as_json: Json = False) -> None:
    """Add to PostgreSQL every event of ticket.events that it lacks, with states, names and command ids.

    Example: ticketbus log restore
    """
    from bus.cli.run import counting, echo_json, with_core
    from bus.consistency.restore import restore as fill
    from bus.wire.event_reader import EventReader

    async def again(core: "Core") -> int:
        events = EventReader(decode=core.codec.decode, know=core.schemas.know)
        return await fill(core.pool, core.settings, core.contract, events, core.keys, progress=tell)

    progress, tell = counting("events restored:")
    with progress:
        restored = with_core(data, again)
    if as_json:
        echo_json({"restored": restored})
    else:
        echo(f"{restored:,} events restored")


@commands.command()
def mend(data: Data = None, as_json: Json = False) -> None:
    """Fill each store from the other after one lost data, and let handlers go on. Stop gateways and workers first.

    As `restore` and `republish` of the log, and of subscriber topics that are empty; handlers whose topic was made anew
    begin it at its start. Publishes by itself, then verifies; exits 1 on a difference, and when a person must decide
    where deliveries go on.

    Example: ticketbus prepare && ticketbus log mend
    """
    from bus.cli.restore import show_mended
    from bus.cli.run import counting, with_core
    from bus.programs.mending import mend as fill

    progress, tell = counting("records read:")
    with progress:
        mended = with_core(data, lambda core: fill(core, tell))
    show_mended(mended, as_json)
    if mended.report.differences or mended.undecided:
        raise typer.Exit(1)


async def _verified(core: "Core", tell: "Callable[[int], None]") -> "LogReport":
    from bus.consistency.verify import verify_log
    from bus.consistency.verify_state import note_verification
    from bus.postgres.pool import in_transaction

    report = await verify_log(core.pool, core.settings, core.contract, core.codec, tell)
    await in_transaction(core.pool, note_verification, report.differences)
    return report
