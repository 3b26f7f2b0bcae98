"""The gateway: HTTP and WebSocket on uvicorn, with a relay beside them so that a commit is known at once."""

import asyncio
import functools
from collections.abc import Mapping

import uvicorn

from bus.alerts.report_queue import ReportQueue
from bus.app import Core
from bus.delivery.targets_config import TargetsConfig
from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.http.uvicorn_http import protocol_with
from bus.gateway.http.uvicorn_websocket import StreamProtocol
from bus.gateway.write.spool import KafkaSpool
from bus.intake.intake_topic import SPOOL_PART
from bus.kafka.host_readings import HostReadings
from bus.postgres.heartbeats import KAFKA_PART, RELAY_PART
from bus.postgres.pool import in_transaction
from bus.privacy import new_log
from bus.programs.alerting import AlertChannels, alerting_of, alerting_tasks, open_channels
from bus.programs.console import console_beside
from bus.programs.gateway_app import gateway_app
from bus.programs.lifecycle import run_until_stopped, serve_until_stopped
from bus.programs.listening import listening_socket, take_descriptors
from bus.programs.live_sources import MAPS_PART, LiveSources, live_sources
from bus.programs.serving import Serving, serving_of, watching_certificates
from bus.programs.sources import sources
from bus.programs.targets import targets_config_of
from bus.settings import Settings

CONNECTIONS = 12
ANSWER_S_MAX = 15.0  # of PostgreSQL: a request that waits longer is answered 503, and its connection cut
STOP_S_MAX = 5


async def run_gateway(settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; requests under way are answered first.

    Raises ConfigFileInvalid, CertificateUnusable at once.
    """
    sources(settings)  # a fault in them is reported now, not once PostgreSQL is there
    serving = serving_of(settings)
    async with open_channels(settings) as channels:
        take_descriptors()
        serve = functools.partial(_serve, targets_config_of(settings), channels, serving)
        await serve_until_stopped(settings, CONNECTIONS, serve, answer_s_max=ANSWER_S_MAX)


async def _serve(
    targets: TargetsConfig, channels: AlertChannels, serving: Serving, core: Core, stopping: asyncio.Event
) -> None:
    alerting = alerting_of(core, channels)
    spool = KafkaSpool(settings=core.settings, codec=core.codec, pool=core.pool)
    readings = HostReadings(core.settings, core.codec)
    known = await live_sources(core)
    logs_before = await in_transaction(core.pool, new_log.made_before)
    reports = ReportQueue(directly=alerting.rounds.direct.send)
    loops = {
        **alerting_tasks(core, alerting, "gateway", functools.partial(_troubles, core, spool, known)),
        "alert reports": lambda: reports.run(core.pool),
        MAPS_PART: known.run,
    }
    config = uvicorn.Config(
        console_beside(
            gateway_app(
                core,
                targets,
                stopping=stopping,
                known=known,
                spool=spool,
                readings=readings,
                logs_before=logs_before,
                report=reports.report,
                alerting=[*loops.values(), *serving.tasks().values(), watching_certificates(core.settings, core.pool)],
            ),
            core,
            stopping,
        ),
        host=core.settings.http_host,
        port=core.settings.http_port,
        log_config=None,
        access_log=False,
        http=protocol_with(core.settings.connections_per_address),
        server_header=False,
        timeout_graceful_shutdown=STOP_S_MAX,
        ws=StreamProtocol,
        ws_per_message_deflate=False,  # events are small; compressing each costs more than it saves
        ws_ping_interval=10,
        ws_ping_timeout=10,  # with the interval: who does not read is cut within 30 s, whether events flow or not
        ws_max_size=64 * 1024,
        **serving.options(),
    )
    host, port = core.settings.http_host, core.settings.http_port
    listening = listening_socket(host, port, "set TICKETBUS_HTTP_PORT or TICKETBUS_HTTP_HOST")
    server = EmbeddedUvicorn(config)
    try:
        await run_until_stopped({"http": server.serve(sockets=[listening]), "stop": server.leave(stopping)}, stopping)
    finally:
        await spool.close()
        await readings.close()


async def _troubles(core: Core, spool: KafkaSpool, known: LiveSources) -> Mapping[str, str | None]:
    relay = core.relay
    return {
        RELAY_PART: relay.trouble(),
        KAFKA_PART: relay.kafka_away(),
        SPOOL_PART: await spool.trouble(),
        MAPS_PART: known.trouble(),
    }
