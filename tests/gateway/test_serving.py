"""How programs serve: TLS by a certificate that is renewed while they run, and behind proxies that are believed."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import uvicorn
import uvloop
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from structlog.testing import capture_logs

from bus.domain.errors import Transient
from bus.embedded_uvicorn import EmbeddedUvicorn
from bus.gateway.http.uvicorn_http import protocol_with
from bus.gateway.http.uvicorn_websocket import StreamProtocol
from bus.programs.serving import Serving, own_certificates, serving_of
from bus.programs.watch_over_http import gateway_readings
from bus.schema_registry import RegistryUnavailable, definitions, registry_of
from bus.settings import Settings, SettingsInvalid
from bus.tls import CertificateUnusable, ServerCertificate
from console.security import is_https
from schemas.messages import HostRead
from tests.adapters.certificates import PrivateAuthority

BIG = "x" * 300_000  # more than the sockets hold


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server as a gateway is one, with what it shows and what its clients trust."""

    authority: PrivateAuthority
    certificate: ServerCertificate
    port: int

    def client(self, trust: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
        trusted = trust or ssl.create_default_context(cafile=str(self.authority.ca))
        return httpx2.AsyncClient(base_url=f"https://127.0.0.1:{self.port}", verify=trusted, trust_env=False)

    async def shown(self) -> str:
        """Give the name on the certificate that a new connection is shown."""
        trust = ssl.create_default_context(cafile=str(self.authority.ca))
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=trust)
        (((_, name),),) = writer.get_extra_info("peercert")["subject"]
        writer.close()
        return str(name)


def app() -> Starlette:
    async def who(request: Request) -> JSONResponse:
        client = request.client.host if request.client else ""
        return JSONResponse({"https": is_https(request), "scheme": request.url.scheme, "client": client})

    async def big(_: Request) -> JSONResponse:
        return JSONResponse(BIG)

    async def stream(ws: WebSocket) -> None:
        await ws.accept()
        await ws.send_text("hello")
        await ws.close()

    return Starlette(routes=[Route("/", who), Route("/big", big), WebSocketRoute("/stream", stream)])


@asynccontextmanager
async def listening(serving: Serving) -> AsyncIterator[int]:
    config = uvicorn.Config(
        app(), log_config=None, lifespan="off", http=protocol_with(500), ws=StreamProtocol, **serving.options()
    )
    server, stopping = EmbeddedUvicorn(config), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as found:
        running = asyncio.gather(server.serve(sockets=[found]), server.leave(stopping))
        try:
            yield found.getsockname()[1]
        finally:
            stopping.set()
            await running


@asynccontextmanager
async def secured(folder: Path) -> AsyncIterator[Server]:
    authority = PrivateAuthority(folder=folder)
    certificate = ServerCertificate(*authority.issue("gateway"), every_s=0.01)
    async with listening(Serving(certificate=certificate, proxies=[])) as port:
        yield Server(authority=authority, certificate=certificate, port=port)


def on_uvloop(folder: Path, test: Callable[[Server], Awaitable[None]]) -> None:
    """Run a test on the gateway's kind of event loop, which has a TLS of its own."""

    async def whole() -> None:
        async with asyncio.timeout(30), secured(folder) as server:
            await test(server)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole())


def test_serving_by_a_certificate_requests_and_streams_come_by_tls(tmp_path: Path) -> None:
    async def test(server: Server) -> None:
        async with server.client() as http:
            assert (await http.get("/")).json() == {"https": True, "scheme": "https", "client": "127.0.0.1"}
            assert (await http.get("/big")).json() == BIG
        trust = ssl.create_default_context(cafile=str(server.authority.ca))
        async with websockets.connect(f"wss://127.0.0.1:{server.port}/stream", ssl=trust, proxy=None) as stream:
            assert await stream.recv() == "hello"

    on_uvloop(tmp_path, test)


def test_serving_by_a_certificate_plain_http_and_who_trusts_another_get_nothing(tmp_path: Path) -> None:
    async def test(server: Server) -> None:
        async with httpx2.AsyncClient(trust_env=False) as http:
            with pytest.raises(httpx2.RemoteProtocolError):
                await http.get(f"http://127.0.0.1:{server.port}/")
        async with server.client(ssl.create_default_context()) as http:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await http.get("/")
        old = ssl.create_default_context(cafile=str(server.authority.ca))
        with pytest.deprecated_call():
            old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        with pytest.raises(OSError):  # noqa: PT011 - an alert of either side's, or the end of the connection
            await asyncio.open_connection("127.0.0.1", server.port, ssl=old)

    on_uvloop(tmp_path, test)


def test_serving_a_renewed_certificate_is_shown_and_connections_that_stand_go_on(tmp_path: Path) -> None:
    async def test(server: Server) -> None:
        async with server.client() as http:
            await http.get("/")
            assert await server.shown() == "gateway"
            assert not server.certificate.renew()
            path, key = server.authority.issue("renewed")
            server.certificate.certificate.write_bytes(path.read_bytes())
            with capture_logs() as logs:  # half of it is there: the key is still the old one's
                assert not server.certificate.renew()
            assert logs[0]["event"] == "certificate_not_renewed"
            assert "TICKETBUS_HTTP_CERTIFICATE_FILE" in logs[0]["cause"]
            assert await server.shown() == "gateway"
            assert server.certificate.key
            server.certificate.key.write_bytes(key.read_bytes())
            assert server.certificate.renew()
            assert await server.shown() == "renewed"
            assert (await http.get("/")).status_code == 200
            server.certificate.certificate.unlink()
            assert not server.certificate.renew()
            assert await server.shown() == "renewed"

    on_uvloop(tmp_path, test)


def test_serving_the_certificate_is_renewed_by_itself(tmp_path: Path) -> None:
    async def test(server: Server) -> None:
        certificate = server.certificate
        assert certificate.key
        renewing = asyncio.create_task(certificate.renew_for_ever())
        path, key = server.authority.issue("two")
        certificate.key.write_bytes(key.read_bytes())
        certificate.certificate.write_bytes(path.read_bytes())
        while await server.shown() != "two":
            await asyncio.sleep(0.02)
        renewing.cancel()

    on_uvloop(tmp_path, test)


@pytest.mark.parametrize(
    ("proxies", "seen"),
    [
        ([], {"https": True, "scheme": "http", "client": "127.0.0.1"}),
        (["127.0.0.0/8"], {"https": True, "scheme": "https", "client": "203.0.113.9"}),
    ],
)
async def test_serving_only_proxies_that_are_trusted_say_who_a_client_is(
    proxies: list[str], seen: dict[str, object]
) -> None:
    async with (
        listening(Serving(certificate=None, proxies=proxies)) as port,
        httpx2.AsyncClient(trust_env=False) as http,
    ):
        headers = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
        assert (await http.get(f"http://127.0.0.1:{port}/", headers=headers)).json() == seen


def test_serving_a_certificate_that_cannot_be_used_is_told_at_the_start(tmp_path: Path) -> None:
    authority = PrivateAuthority(folder=tmp_path)
    path, key = authority.issue("one")
    _, other = authority.issue("two")
    for certificate, given, why in (
        (tmp_path / "none.pem", None, "No such file"),
        (path, other, "KEY_VALUES_MISMATCH"),
        (path, None, "cannot use"),
        (key, key, "cannot use"),
        (*authority.issue("sealed", password="pass"), "cannot use"),
    ):
        settings = Settings(http_certificate_file=certificate, http_key_file=given)
        with pytest.raises(CertificateUnusable, match=f"TICKETBUS_HTTP_CERTIFICATE_FILE: .*{why}"):
            serving_of(settings)
    with pytest.raises(SettingsInvalid, match="TICKETBUS_HTTP_KEY_FILE"):
        serving_of(Settings(http_key_file=key))


def test_serving_the_files_of_a_programs_certificates_are_watched(tmp_path: Path) -> None:
    url = (
        "postgresql://u:s3cret@h/d?sslmode=verify-full&sslrootcert=/etc/ca.pem&sslcert=/etc/own.pem&sslkey=/etc/own.key"
    )
    settings = Settings(database_url=url, kafka_ca_file=tmp_path / "k", http_certificate_file=tmp_path / "h")
    assert {one.used_by: str(one.path) for one in own_certificates(settings)} == {
        "kafka_ca_file": str(tmp_path / "k"),
        "http_certificate_file": str(tmp_path / "h"),
        "database_url.sslrootcert": "/etc/ca.pem",
        "database_url.sslcert": "/etc/own.pem",
    }
    assert own_certificates(Settings(database_url="postgresql://h/d?sslrootcert=system")) == []
    assert own_certificates(Settings(database_url="s3cret=")) == []


async def test_serving_a_registry_by_tls_is_asked_with_its_password_which_no_message_shows(tmp_path: Path) -> None:
    settings = Settings(schema_registry_url="https://u%40x:s3cret@127.0.0.1:1/apis")
    registry = registry_of(settings)
    assert registry is not None
    assert (registry.url, registry.basic_auth) == ("https://127.0.0.1:1/apis", "u@x:s3cret")
    assert "s3cret" not in repr(registry)
    with pytest.raises(CertificateUnusable, match="SCHEMA_REGISTRY_CA_FILE"):
        registry_of(settings.model_copy(update={"schema_registry_ca_file": tmp_path / "none"}))
    async with secured(tmp_path) as server:
        url = f"https://127.0.0.1:{server.port}"
        trusting = registry_of(Settings(schema_registry_url=url, schema_registry_ca_file=server.authority.ca))
        other = registry_of(Settings(schema_registry_url=url))
        assert trusting
        assert other
        async with trusting.client() as http:
            assert (await http.get("/")).status_code == 200
        with pytest.raises(RegistryUnavailable, match=r"certificate is refused .*; see SCHEMA_REGISTRY_CA_FILE"):
            await definitions(other, [1])
        with pytest.raises(RegistryUnavailable, match="away: ConnectError"):
            await definitions(registry, [1])
        readings = gateway_readings(url, "token", Settings())
        read = HostRead(
            host="h",
            read_at=datetime.now(UTC),
            path="/",
            disk_total_bytes=1.0,
            disk_free_bytes=1.0,
            memory_free_bytes=1.0,
        )
        with pytest.raises(Transient, match=r"certificate is refused .*; see TICKETBUS_CA_FILE"):
            await readings.send([read])
        await readings.close()
