"""The console: beside the gateway's API in its process, or alone in front of a gateway at an address."""

import asyncio

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bus.intake.dispatch import utc_now
from bus.programs.http_server import HttpServer, listening_socket
from bus.programs.lifecycle import run_until_stopped, stop_on_signals
from bus.settings import Settings, secret_bytes
from console.app import make_console
from console.gateway_api import GatewayApi, at_address, in_process
from console.page import ROOT
from console.pages import PAGES
from console.session import Sessions

STOP_S_MAX = 3


def console_beside(gateway: ASGIApp, settings: Settings) -> ASGIApp:
    """Serve /console by the console, which calls the gateway in this process, and all else by the gateway."""
    console = make_console(GatewayApi(in_process(gateway)), _sessions(settings), PAGES, utc_now)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        of_console = scope["type"] == "http" and f"{scope['path']}/".startswith(f"{ROOT}/")
        await (console if of_console else gateway)(scope, receive, send)

    return either


async def run_console(settings: Settings, *, gateway: str, host: str, port: int) -> None:
    """Serve the console alone, in front of the gateway at that address, until SIGTERM. Raises PortTaken."""
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    async with at_address(gateway) as http:
        app = make_console(GatewayApi(http), _sessions(settings), PAGES, utc_now)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S_MAX,
        )
        listening = listening_socket(host, port, "choose another by --port")
        server = HttpServer(config)
        await run_until_stopped({"http": server.serve(sockets=[listening]), "stop": server.leave(stopping)}, stopping)


def _sessions(settings: Settings) -> Sessions:
    return Sessions(secret_bytes(settings.intake_secrets))
