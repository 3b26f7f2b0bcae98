"""A receiver of callbacks that costs next to nothing: it takes a request, or refuses it, and keeps no ledger."""

import asyncio
import sys
from typing import Final, cast

import uvloop

from bench.framing import whole_head

_TAKEN: Final = b'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"code":0}'
_REFUSED: Final = b"HTTP/1.1 422 Unprocessable Content\r\ncontent-length: 0\r\n\r\n"
REFUSING: Final = "/refusing"


class Connection(asyncio.Protocol):
    """One caller; it hangs up by itself, or asks to be hung up on."""

    def __init__(self) -> None:
        self._got = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has another base

    def data_received(self, data: bytes) -> None:
        self._got += data
        said = whole_head(self._got)
        if said is None:
            return
        self._got.clear()
        self._transport.write(_REFUSED if said.startswith(f"post {REFUSING}".encode()) else _TAKEN)
        if b"connection: close" in said:
            self._transport.close()


async def _serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Connection, "127.0.0.1", port, backlog=1024)
    await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(int(sys.argv[1])))
