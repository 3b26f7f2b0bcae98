"""`ticketbus gateway`, `console`, `worker`, `watch` and `prepare`: the programs, for production."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from bus.cli.echo import echo
from bus.cli.settings import Data

commands = typer.Typer()


@commands.command()
def gateway(data: Data = None) -> None:
    """Serve HTTP and WebSocket until SIGTERM.

    Example: TICKETBUS_HTTP_PORT=8080 ticketbus gateway
    """
    from uvloop import new_event_loop

    from bus.cli.run import resolved, run
    from bus.observability.logging import configure
    from bus.programs.gateway import run_gateway

    settings = resolved(data)
    configure("gateway", level=settings.log_level)
    run(run_gateway(settings), loop=new_event_loop)


@commands.command()
def console(
    gateway: Annotated[str, typer.Option("--gateway", metavar="URL", help="The gateway's address.")],
    host: Annotated[str, typer.Option("--host", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="The port to listen on.")] = 8081,
    data: Data = None,
) -> None:
    """Serve the console alone until SIGTERM; a gateway serves it as well, at /console.

    Example: ticketbus console --gateway http://127.0.0.1:8080 --port 8081
    """
    from bus.cli.run import resolved, run
    from bus.observability.logging import configure
    from bus.programs.console import run_console

    if not re.fullmatch(r"https?://[^/\s]+/?", gateway):
        raise typer.BadParameter("网关地址形如 / an address such as http://127.0.0.1:8080", param_hint="--gateway")
    settings = resolved(data)
    configure("console", level=settings.log_level)
    run(run_console(settings, gateway=gateway, host=host, port=port))


@commands.command()
def worker(
    stages: Annotated[str, typer.Option("--stages", help="Comma-separated; without it, all of them.")] = "",
    data: Data = None,
) -> None:
    """Run the stages, the relay and the timers until SIGTERM.

    `projections` keeps the read models of tickets, `hosts` that of hosts; `sla` is the timer of the promises,
    `delivery` calls the targets.

    Example: ticketbus worker --stages projections,sla
    """
    from bus.cli.run import resolved, run
    from bus.domain.naming import nearest
    from bus.observability.logging import configure
    from bus.programs.worker import run_worker
    from bus.stage_names import STAGES

    wanted = tuple(filter(None, (one.strip() for one in stages.split(",")))) or STAGES
    for one in wanted:
        if one not in STAGES:
            raise typer.BadParameter(f"there is no stage {one!r}; did you mean {nearest(one, STAGES) or STAGES[0]!r}?")
    settings = resolved(data)
    configure("worker", level=settings.log_level)
    run(run_worker(settings, wanted))


@commands.command()
def watch(
    *,
    host: Annotated[str, typer.Option("--host", help="As `hosts list` shows it; else the system's own name.")] = "",
    role: Annotated[
        str,
        typer.Option(
            "--role", help="broker, database, consumer, or a word of your own; else what TICKETBUS_HOST_ROLE says."
        ),
    ] = "",
    paths: Annotated[
        list[Path] | None, typer.Option("--path", help="A directory whose disk is read; as many as you like.")
    ] = None,
    ballast: Annotated[
        int, typer.Option("--ballast", min=0, metavar="MIB", help="MiB held back on each disk, freed at its floor.")
    ] = 0,
    gateway: Annotated[
        str, typer.Option("--gateway", metavar="URL", help="Where there is no way to Kafka: the gateway's address.")
    ] = "",
    data: Data = None,
) -> None:
    """Send this host's heartbeat and the readings of its disks every 10 seconds, until SIGTERM.

    With --gateway the token of TICKETBUS_TOKEN (role host) is used, its client's name is the host's, and neither Kafka
    nor PostgreSQL is needed.

    At the floor of a broker's or the database's disk intake stops, at that of a consumer's host deliveries to its
    targets.

    Example: ticketbus watch --host kafka-1 --role broker --path /var/lib/kafka
    """
    from bus.cli.run import resolved, run
    from bus.observability.logging import configure
    from bus.programs.watch import run_watch
    from bus.programs.watch_over_http import gateway_readings
    from bus.secret_files import secret_from

    settings = resolved(data)
    configure("watch", level=settings.log_level)
    if gateway and host:
        raise typer.BadParameter("主机名即令牌的客户端名 / the token's client names the host: leave --host out")
    token = secret_from(os.environ, "TICKETBUS_TOKEN")
    if gateway and not token:
        raise typer.BadParameter("请在 TICKETBUS_TOKEN 给出令牌 / give a token of role host in TICKETBUS_TOKEN")
    posting = gateway_readings(gateway, token, settings) if gateway else None
    run(run_watch(settings, host=host, role=role, paths=paths or (), ballast_bytes=ballast * 1024**2, gateway=posting))


@commands.command()
def prepare(data: Data = None) -> None:
    """Migrate the database, create topics, register schemas; harmless to repeat. `up` does this by itself.

    Example: ticketbus prepare
    """
    from bus.app import prepare as do
    from bus.cli.run import resolved, run
    from bus.observability.logging import configure

    settings = resolved(data)
    configure("prepare", level=settings.log_level)
    run(do(settings, echo))
