"""Connections that their client aborts, at a real gateway: they are no errors, and what repeats is one line."""

import asyncio
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bus.local.stack import Urls
from tests.bus_under_test import TOKEN, Bus, bus_on

TIMES = 20
AUTH = f"Host: bus\r\nAuthorization: Bearer {TOKEN}\r\n".encode()
LIST = b"GET /v1/tickets HTTP/1.1\r\n" + AUTH + b"\r\n"
BODY = b"POST /v1/tickets HTTP/1.1\r\n" + AUTH + b"Idempotency-Key: a\r\nContent-Length: 900\r\n\r\n{"
STREAM = (
    b"GET /v1/stream?topics=%b HTTP/1.1\r\n"
    + AUTH
    + b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
PHONE = "13812345678"


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Run a gateway."""
    with bus_on(parts, tmp_path) as made:
        made.start("gateway")
        yield made


def abort(connection: socket.socket) -> None:
    """Reset a connection."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def amid_pipelined_answers(connection: socket.socket) -> None:
    """Abort while the first of many requests is answered."""
    connection.sendall(LIST * 40)
    connection.recv(1)


def before_the_end_of_an_answer(connection: socket.socket) -> None:
    """Abort when an answer is under way on a connection that ends with it."""
    connection.sendall(b"GET /openapi.json HTTP/1.1\r\nHost: bus\r\nConnection: close\r\n\r\n")
    connection.recv(1)


def amid_a_body(connection: socket.socket) -> None:
    """Abort when a part of a body is there."""
    connection.sendall(LIST + BODY)
    connection.recv(1)


def amid_a_frame(connection: socket.socket) -> None:
    """Abort a WebSocket in the middle of a frame."""
    connection.sendall(STREAM % b"ticket.status")
    connection.recv(1)
    connection.sendall(b"\x81\xfe\x01")


def amid_pongs(connection: socket.socket) -> None:
    """Abort a WebSocket while its pings are answered."""
    connection.sendall(STREAM % b"ticket.status")
    connection.recv(1)
    connection.sendall(b"\x89\x80abcd" * 50)


def amid_a_handshake(connection: socket.socket) -> None:
    """Abort a WebSocket before its handshake is answered."""
    connection.sendall(STREAM % b"ticket.status")


def amid_a_denial(connection: socket.socket) -> None:
    """Abort a WebSocket whose handshake is denied."""
    connection.sendall(STREAM.replace(b"Authorization", b"X") % b"ticket.status")


ABORTED: tuple[Callable[[socket.socket], None], ...] = (
    amid_pipelined_answers,
    before_the_end_of_an_answer,
    amid_a_body,
    amid_a_frame,
    amid_pongs,
    amid_a_handshake,
    amid_a_denial,
)


async def test_aborted_connections_leave_no_error_and_what_is_no_http_is_one_line(bus: Bus) -> None:
    await bus.ready()
    address = ("127.0.0.1", bus.settings.http_port)

    def all_of_them() -> None:
        for until in ABORTED:
            for _ in range(TIMES):
                with socket.create_connection(address) as connection:
                    until(connection)
                    abort(connection)
        for _ in range(TIMES):
            with socket.create_connection(address) as connection:
                connection.sendall(b"\0garbage\r\n\r\n")
                assert connection.recv(4096).startswith(b"HTTP/1.1 400")
        with socket.create_connection(address) as connection:
            connection.sendall(STREAM % f"{PHONE}-{TOKEN}".encode())
            assert b"unknown_topic" in b"".join(iter(lambda: connection.recv(4096), b""))

    await asyncio.to_thread(all_of_them)
    await bus.ready("/livez")
    bus.stop("gateway")  # what is still to be summed is written before it ends
    lines = [json.loads(line) for line in bus.log_of("gateway").splitlines()]
    assert {line["event"] for line in lines if line["level"] == "error" or "exception" in line} == set()
    invalid = Counter(line["event"].partition(" (repeated")[0] for line in lines if line.get("logger"))
    assert 1 < invalid["Invalid HTTP request received."] <= 10
    assert PHONE not in bus.log_of("gateway")
    assert "unknown topic" in bus.log_of("gateway")
