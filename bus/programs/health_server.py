"""What a program without an API of its own says of itself over HTTP: /livez, /readyz and /metrics."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import orjson
from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from bus.domain.errors import BusError
from bus.tls import ServerCertificate

REQUEST_S_MAX = 10  # a client that says nothing for so long holds no thread
LOOP_S_MAX = 5.0  # an event loop that takes longer to answer does not live
StartResponse = Callable[..., Any]


class HealthPortTaken(BusError):
    """The port for health and metrics is taken."""


@dataclass(slots=True)
class ProgramHealth:
    """What each part of this program says of itself: None while it works, else what keeps it from that."""

    _parts: dict[str, Callable[[], str | None]] = field(default_factory=dict)

    def watch(self, part: str, trouble: Callable[[], str | None]) -> None:
        """Ask that part from now on."""
        self._parts[part] = trouble

    async def troubles(self) -> dict[str, str | None]:
        """Ask every part; runs on the program's event loop."""
        return {name: trouble() for name, trouble in self._parts.items()}


def serve_health(health: ProgramHealth, host: str, port: int, certificate: ServerCertificate | None = None) -> None:
    """Serve until the process ends, in a thread of its own; call it on the program's event loop.

    `/livez`: the event loop turns. `/readyz`: every part works; else 503, and each part says why. By TLS where there is
    a certificate. Raises HealthPortTaken.
    """
    loop, metrics = asyncio.get_running_loop(), make_wsgi_app()

    def app(environ: dict[str, Any], start: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path not in ("/livez", "/readyz"):
            content: Iterable[bytes] = metrics(environ, start)
            return content
        if loop.is_closed():
            return _answer(start, 503, {"live": False})
        asked = asyncio.run_coroutine_threadsafe(health.troubles(), loop)
        try:
            found = asked.result(LOOP_S_MAX)
        except TimeoutError:
            asked.cancel()
            return _answer(start, 503, {"live": False})
        if path == "/livez":
            return _answer(start, 200, {"live": True})
        ready = bool(found) and not any(found.values())
        return _answer(
            start, 200 if ready else 503, {"ready": ready, **{name: why or "up" for name, why in found.items()}}
        )

    try:
        server = make_server(host, port, app, _HealthServer, handler_class=_Silent)
    except OSError as error:
        raise HealthPortTaken(
            f"cannot listen on {host}:{port} ({error.strerror}); set TICKETBUS_METRICS_PORT"
        ) from error
    server.certificate = certificate
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()


def _answer(start: StartResponse, status: int, content: dict[str, Any]) -> Iterable[bytes]:
    start("200 OK" if status == 200 else "503 Service Unavailable", [("Content-Type", "application/json")])
    return [orjson.dumps(content)]


class _HealthServer(ThreadingWSGIServer):
    certificate: ServerCertificate | None = None

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; TLS begins in the request's own thread, so that nobody waits for a slow client."""
        connection, address = super().get_request()
        if self.certificate:
            context = self.certificate.context()
            connection = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Pass over clients that break off, or speak no TLS; all else is a fault of ours."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Silent(WSGIRequestHandler):
    timeout = REQUEST_S_MAX

    def log_message(self, *_: Any) -> None:
        """Log no requests."""
