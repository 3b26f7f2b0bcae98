"""Why no answer came is said in words, with the step that it came to; found by real sockets."""

import asyncio
import contextlib
import datetime
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from adapters.connection_failures import ExchangeStep, explain
from adapters.contract_suites.faulty_ways import listening, read_message
from adapters.outbound_http import DIRECT, Deadline, Egress, HttpResponse, NoResponse, OutboundHttp

PATIENT_S = 30.0
SHORT_S = 0.6
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def outcome(
    url: str, within_s: float = PATIENT_S, body: bytes = b"{}", egress: Egress = DIRECT
) -> HttpResponse | NoResponse:
    http = OutboundHttp(headers={}, connections_max=1, answer_bytes_max=1_000, egress=egress)
    try:
        return await http.post(url, body, {}, Deadline.after(within_s))
    except NoResponse as failed:
        return failed
    finally:
        await http.close()


async def refused_reason(url: str, within_s: float = PATIENT_S, body: bytes = b"{}") -> tuple[str, bool]:
    """Give why no answer came, and whether the request had left."""
    failed = await outcome(url, within_s, body)
    assert isinstance(failed, NoResponse)
    return failed.detail, failed.sent


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read, and answer nothing."""
    while await reader.read(65_536):
        pass


async def deaf(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Read nothing, for as long as the test takes."""
    await asyncio.sleep(PATIENT_S)


async def resetting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the request and reset the connection."""
    await read_message(reader)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    writer.transport.abort()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Begin an answer and go."""
    await read_message(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nabc")
    await writer.drain()
    writer.close()


async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer a TLS greeting as a server of plain HTTP does."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
    await writer.drain()


async def test_connection_failures_refused_says_so() -> None:
    with socket.socket() as held:  # bound and not listening: nobody else can be there
        held.bind(("127.0.0.1", 0))
        detail, sent = await refused_reason(f"http://127.0.0.1:{held.getsockname()[1]}")
    assert detail == "连接被拒绝,建立连接时 / connection refused, while connecting (ConnectionRefusedError)"
    assert not sent


@pytest.mark.parametrize(
    ("serve", "scheme", "within_s", "words", "sent"),
    [
        (silent, "http", SHORT_S, "no answer within 0.6 s, while reading the answer (TimeoutError)", True),
        (deaf, "http", SHORT_S, "no answer within 0.6 s, while writing the request (TimeoutError)", True),
        (silent, "https", SHORT_S, "time-out, in the TLS handshake (ConnectTimeout)", False),
        (resetting, "http", PATIENT_S, "connection reset, while reading the answer (ConnectionResetError)", True),
        (plain, "https", PATIENT_S, "TLS failed: ", False),
    ],
)
async def test_connection_failures_name_the_step(
    serve: Serve, scheme: str, within_s: float, words: str, sent: bool
) -> None:
    body = b"x" * 64_000_000 if serve is deaf else b"{}"
    async with listening(serve) as address:
        detail, left = await refused_reason(f"{scheme}://{address}", within_s, body)
    assert words in detail
    assert left is sent


async def test_connection_failures_an_answer_that_ends_early_is_an_answer_cut() -> None:
    async with listening(half) as address:
        answer = await outcome(f"http://{address}")
    assert isinstance(answer, HttpResponse)
    assert (answer.status, "ends too early, while reading the answer" in answer.cut) == (200, True)


async def test_connection_failures_a_certificate_that_nobody_trusts_says_why(tmp_path: Path) -> None:
    async with listening_with_tls(tmp_path) as url:
        detail, sent = await refused_reason(url)
    assert "证书不被信任" in detail
    assert "its certificate is not trusted: self-signed certificate, in the TLS handshake" in detail
    assert "(SSLCertVerificationError)" in detail
    assert not sent


def test_connection_failures_of_names_and_of_what_is_not_known_are_said() -> None:
    unknown = httpx2.ConnectError("of a host")
    unknown.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    text = explain(unknown, ExchangeStep.CONNECT, within_s=1)
    assert str(text) == "无法解析域名,建立连接时 / its name is not known, while connecting (gaierror)"
    closed = explain(RuntimeError("of 13800001111"), ExchangeStep.WAIT, within_s=1)
    assert str(closed) == "没有应答,等待空闲连接时 / no answer, while waiting for a free connection (RuntimeError)"
    group = OSError("all attempts failed")
    group.__cause__ = ExceptionGroup("many", [OSError(113, "No route to host"), ConnectionRefusedError()])
    assert "no route to it" in explain(group, ExchangeStep.CONNECT, within_s=1).en


@pytest.mark.parametrize("shown", [False, True], ids=["none", "of another authority"])
async def test_connection_failures_a_client_certificate_that_is_not_taken_is_named_and_nothing_was_sent(
    tmp_path: Path, shown: bool
) -> None:
    """By TLS 1.3 the request has left when the handshake is refused: nobody has read it."""
    served, own = self_signed(tmp_path / "server.pem"), self_signed(tmp_path / "own.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(served)
    context.load_verify_locations(served)
    context.verify_mode = ssl.CERT_REQUIRED
    trust = ssl.create_default_context(cafile=served)
    trust.check_hostname = False
    if shown:
        trust.load_cert_chain(own)
    over = threading.Event()

    def refuse(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection, context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as tls:
            with pytest.raises(ssl.SSLError):
                tls.do_handshake()
            over.wait(PATIENT_S)  # closing it would throw away the alert where the request was not read

    with socket.create_server(("127.0.0.1", 0)) as server:
        serving = asyncio.create_task(asyncio.to_thread(refuse, server))
        failed = await outcome(f"https://127.0.0.1:{server.getsockname()[1]}", egress=Egress(trust=trust))
        over.set()
        await serving
    assert isinstance(failed, NoResponse)
    assert not failed.sent
    assert failed.detail == (
        "对方要求它信任的客户端证书,请检查选项 client_certificate,TLS 握手时 / it demands a client certificate that it "
        "trusts: see the option client_certificate, in the TLS handshake"
    )


def self_signed(file: Path) -> Path:
    """Write a certificate of this machine that signs itself, with its key."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name.from_rfc4514_string("CN=127.0.0.1")
    begun = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(begun)
        .not_valid_after(begun + datetime.timedelta(days=9))
        .sign(key, hashes.SHA256())
    )
    encoded = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(encoded + certificate.public_bytes(serialization.Encoding.PEM))
    return file


@asynccontextmanager
async def listening_with_tls(folder: Path) -> AsyncIterator[str]:
    """Listen on this machine with a certificate that signs itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(self_signed(folder / "server.pem"))

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
