"""The command line `ticketbus`: one file per group of commands, all listed here."""

import sys
from typing import Annotated, NoReturn

import typer

from bus.cli import (
    alerts,
    archive,
    audit,
    backup,
    calendar,
    client,
    consumers,
    customer_link,
    deadletter,
    delivery,
    demo,
    docs,
    doctor,
    drift,
    drill,
    dwell,
    expectations,
    files,
    hosts,
    import_,
    insight,
    knowledge,
    log,
    map_,
    notices,
    people,
    privacy,
    programs,
    projection,
    reconcile,
    report,
    restore,
    rollout,
    route,
    sandbox,
    schemas,
    selfcheck,
    settings,
    simulate_notices,
    stack,
    stage,
    storage,
    subscribe,
    subscription,
    support,
    ticket,
    topics,
    trace,
    work_order,
)
from bus.cli.echo import echo
from bus.domain.errors import BusError, DatabaseNotPrepared, Refusal, StoreUnavailable
from bus.settings import SettingsInvalid

app = typer.Typer(
    name="ticketbus",
    help="The ticket event bus: every ticket change an Avro event on Kafka that carries its trace id.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# Each file offers `commands`, a Typer: one without a name adds its commands at the top, one with a name is a group.
# The files import what is heavy inside the command that needs it, so that `--help` is quick.
for commands in (
    stack.commands,
    doctor.commands,
    support.commands,
    settings.commands,
    programs.commands,
    demo.commands,
    drill.commands,
    simulate_notices.commands,
    import_.commands,
    map_.commands,
    ticket.commands,
    sandbox.commands,
    trace.commands,
    log.commands,
    backup.commands,
    restore.commands,
    archive.commands,
    calendar.commands,
    files.commands,
    expectations.commands,
    reconcile.commands,
    report.commands,
    insight.commands,
    knowledge.commands,
    audit.commands,
    projection.commands,
    stage.commands,
    hosts.commands,
    delivery.commands,
    notices.commands,
    people.commands,
    customer_link.commands,
    route.commands,
    work_order.commands,
    dwell.commands,
    drift.commands,
    consumers.commands,
    rollout.commands,
    deadletter.commands,
    alerts.commands,
    topics.commands,
    schemas.commands,
    selfcheck.commands,
    subscribe.commands,
    subscription.commands,
    storage.commands,
    privacy.commands,
    client.commands,
    docs.commands,
):
    app.add_typer(commands)


def _print_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        echo(f"ticketbus {version('ticketbus')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take what stands before the command."""


def main() -> None:
    """Run the command line; exits 0 on success, 1 on bad news (one clear line), 2 on wrong use."""
    try:
        app()
    except (Refusal, SettingsInvalid) as error:  # what was asked for is at fault
        message = str(error.text) if isinstance(error, Refusal) else str(error)
        _fail(message, 2)
    except DatabaseNotPrepared as error:
        _fail(str(error), 1)
    except StoreUnavailable as error:
        _fail(f"PostgreSQL 不可用,先看 ticketbus status / {error}; see ticketbus status", 1)
    except BusError as error:
        _fail(str(error), 1)


def _fail(message: str, status: int) -> NoReturn:
    for line in f"ticketbus: {message}".split("\n"):  # the last words of a part that did not start are many lines
        echo(line, err=True)
    sys.exit(status)
