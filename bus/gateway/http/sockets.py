"""The gateway's sockets: a bounded send buffer, and an end after which the kernel holds nothing for who does not read.

A socket that is closed with unsent bytes stays in the kernel, with them, until its peer reads or gives up: nobody
counts it, and a peer that reads nothing may have thousands. With TLS the socket is gone before we hear of its end:
there the kernel itself gives up a peer that takes nothing.
"""

import asyncio
import fcntl
import os
import socket
import struct
import termios
from asyncio.trsock import TransportSocket
from collections.abc import Callable

SEND_BUFFER_BYTES = 64 * 1024  # the kernel's; left alone, it grows to megabytes for each who does not read
UNREAD_S_MAX, BYTES_PER_S_MIN = 10.0, 16 * 1024
TLS_UNREAD_MS_MAX = 20_000  # without a byte taken
UNREACHABLE_S_MAX = 30
LOOK_S = 0.1
_AT_ONCE = struct.pack("ii", 1, 0)


def read_by_s(unread: int) -> float:
    """Give how long a reader may take for so many bytes, in seconds. Pure."""
    return UNREAD_S_MAX + unread / BYTES_PER_S_MIN


def bound_send_buffer(transport: asyncio.BaseTransport) -> None:
    """Bound what the kernel takes from us before the peer reads."""
    found = transport.get_extra_info("socket")
    found.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if transport.get_extra_info("sslcontext"):
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, TLS_UNREAD_MS_MAX)


def drop_when_unreachable(transport: asyncio.BaseTransport) -> None:
    """Let the kernel end a connection whose peer has acknowledged nothing for UNREACHABLE_S_MAX; by itself: minutes."""
    found = transport.get_extra_info("socket")
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREACHABLE_S_MAX * 1000)


def reset(transport: asyncio.Transport) -> None:
    """End a connection at once, by RST where bytes wait for the peer: they are dropped, the kernel's too."""
    found = _socket_of(transport)
    if found and (transport.get_write_buffer_size() or _unread(found.fileno())):
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


def linger(transport: asyncio.BaseTransport, gone: Callable[[], None] = lambda: None) -> None:
    """Hold a connection that is being closed until the peer has what was sent, or reset it when that takes too long.

    Call it in `connection_lost`, on the loop; the peer sees the end of the answer at once. `gone` is called then.
    """
    loop, closing = asyncio.get_running_loop(), _socket_of(transport)
    left = _unread(closing.fileno()) if closing else 0
    if not closing or not left or closing.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_AT_ONCE)) == _AT_ONCE:
        gone()
        return
    held, due = os.dup(closing.fileno()), loop.time() + read_by_s(left)  # by its number: uvloop lends no more

    def look() -> None:
        if _unread(held) and loop.time() < due:
            loop.call_later(LOOK_S, look)
            return
        with socket.socket(fileno=held) as ending:
            if _unread(held):
                ending.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        gone()

    ending = socket.socket(fileno=held)
    try:
        ending.shutdown(socket.SHUT_WR)
    except OSError:  # the peer has reset it
        due = loop.time()
    finally:
        ending.detach()
    look()


def _unread(descriptor: int) -> int:
    """Count the bytes that the peer has not acknowledged."""
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, struct.pack("i", 0)))
    except (OSError, ValueError):  # it is closed
        return 0
    return int(count)


def _socket_of(transport: asyncio.BaseTransport) -> TransportSocket | None:
    """Give the socket; None for one of TLS whose end we are told of."""
    found: TransportSocket | None = transport.get_extra_info("socket")
    return found
