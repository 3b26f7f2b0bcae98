"""The console: beside the gateway's API in its process, or alone in front of a gateway at an address."""

import asyncio
import os
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from bus.aio import unless
from bus.app import Core
from bus.config_file import ConfigFileInvalid, secret_of
from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.auth.roles import Role
from bus.gateway.auth.signed_in import admit_person
from bus.http_client import client_at
from bus.intake.dispatch import utc_now
from bus.programs.lifecycle import run_until_stopped, stop_on_signals
from bus.programs.listening import listening_socket
from bus.programs.serving import serving_of
from bus.rules_config import ticket_type_names
from bus.settings import Settings, secret_bytes
from console.app import CONTRACT, OtherSignIn, make_console
from console.gateway_api import TIMEOUT_S, GatewayApi, in_process
from console.oidc_config import load_oidc_config
from console.page import ROOT
from console.pages import PAGES
from console.session import LASTS, Sessions
from console.sign_in import SignIn

STOP_S_MAX = 3


def console_beside(gateway: ASGIApp, core: Core, stopping: asyncio.Event) -> ASGIApp:
    """Serve /console and /asyncapi by the console, which calls the gateway in this process, all else by the gateway.

    Raises ConfigFileInvalid for an OIDC file or promises that cannot be used.
    """
    sessions = _sessions(core.settings)
    provider = _provider(core, sessions)
    console = make_console(
        GatewayApi(in_process(gateway, core.settings.url or ""), takes_host=not core.settings.url, beside=True),
        sessions,
        PAGES,
        now=utc_now,
        stopping=stopping,
        ticket_types=ticket_type_names(core.settings),
        provider=provider,
    )

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        of_console = scope["type"] == "http" and f"{scope['path']}/".startswith((f"{ROOT}/", f"{CONTRACT}/"))
        await (console if of_console else gateway)(scope, receive, send)

    return either


async def run_console(settings: Settings, *, gateway: str, host: str, port: int) -> None:
    """Serve the console alone, in front of the gateway at that address, until SIGTERM.

    Raises PortTaken, CertificateUnusable, ConfigFileInvalid.
    """
    serving = serving_of(settings)
    stopping = asyncio.Event()
    stop_on_signals(stopping)
    async with client_at(gateway, settings, timeout_s=TIMEOUT_S) as http:
        types = ticket_type_names(settings)
        app = make_console(
            GatewayApi(http), _sessions(settings), PAGES, now=utc_now, stopping=stopping, ticket_types=types
        )
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=STOP_S_MAX,
            **serving.options(),
        )
        listening = listening_socket(host, port, "choose another by --port")
        server = EmbeddedUvicorn(config)
        tasks = {"http": server.serve(sockets=[listening]), "stop": server.leave(stopping)}
        if serving.certificate:
            tasks["certificate"] = unless(stopping, serving.certificate.renew_for_ever())
        await run_until_stopped(tasks, stopping)


def _provider(core: Core, sessions: Sessions) -> Callable[[SignIn], OtherSignIn] | None:
    path = core.settings.oidc_file
    if path is None:
        return None
    try:
        from console.oidc import OidcSignIn, ProviderPerson  # noqa: PLC0415 - an extra, for those who have a provider
    except ImportError as error:
        raise ConfigFileInvalid(f"{path}: signing in at a provider needs pip install 'ticketbus[oidc]'") from error
    config = load_oidc_config(path)
    secret = secret_of(config.client_secret, os.environ, where=f"{path}: client_secret").get_secret_value()
    key = sessions.key_for(b"ticketbus tokens of persons")

    async def admit(person: ProviderPerson) -> str:
        return await admit_person(
            core.pool,
            key,
            subject=f"{person.issuer} {person.subject}",
            person=person.name,
            role=Role(person.grant.role),
            regions=person.grant.regions,
            now=utc_now(),
            lasts=LASTS,
        )

    return lambda sign_in: OidcSignIn(sign_in, config, secret, admit)


def _sessions(settings: Settings) -> Sessions:
    return Sessions(secret_bytes(settings.intake_secrets))
