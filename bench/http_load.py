"""A cheap load for the HTTP door: clients on kept-alive sockets, each with one request under way."""

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import cast
from urllib.parse import urlsplit

import uvloop

from bench.framing import whole_head

STATUS = slice(9, 12)  # of b"HTTP/1.1 201 Created"
_HEAD = (
    b"POST /v1/tickets HTTP/1.1\r\nHost: %b\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
    b"Idempotency-Key: %b\r\nContent-Length: %d\r\n\r\n%b"
)
_BODY = (
    '{"incident_key": {"kind": "serial", "value": "SN-%s"}, "title": "洗衣机漏水", "type": "hardware_fault", '
    '"region": "上海", "customer": {"name": "李女士", "phone": "%s"}}'
)


@dataclass(slots=True, kw_only=True)
class Load:
    """What all clients share: where they send to, how long, and what they saw."""

    host: bytes
    token: bytes
    mark: str
    until: float = 0.0
    sent: int = 0
    opened: int = 0
    waited_s: list[float] = field(default_factory=list)

    def request(self) -> bytes:
        """Make the next opening: a new key, a new device, a new customer."""
        self.sent += 1
        name = f"{self.mark}-{self.sent}"
        body = (_BODY % (name, f"139{self.sent:08d}")).encode()
        return _HEAD % (self.host, self.token, name.encode(), len(body), body)


class Client(asyncio.Protocol):
    """One client: sends, waits for the whole answer, sends the next."""

    def __init__(self, load: Load) -> None:
        self._load, self._got, self._began = load, bytearray(), 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own has another base

    def data_received(self, data: bytes) -> None:
        self._got += data
        if whole_head(self._got) is None:
            return
        self._load.opened += self._got[STATUS] == b"201"
        self._load.waited_s.append(time.perf_counter() - self._began)
        self._got.clear()
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or ConnectionError("the server hung up"))

    def send(self) -> None:
        """Send the next request, or hang up when the time is over."""
        self._began = time.perf_counter()
        if self._began < self._load.until:
            self._transport.write(self._load.request())
        else:
            self.done.set_result(None)
            self._transport.close()


async def drive(
    url: str, token: str, *, mark: str, clients: int, seconds: float, kind: type[Load] = Load
) -> dict[str, float]:
    """Send for that long; gives the rate, the answers and the waits in milliseconds. Raises on a lost connection."""
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 80
    load = kind(host=where.netloc.encode(), token=token.encode(), mark=mark)
    loop = asyncio.get_running_loop()
    connected = [(await loop.create_connection(lambda: Client(load), host, port))[1] for _ in range(clients)]
    began = time.perf_counter()
    load.until = began + seconds
    for client in connected:
        client.send()
    await asyncio.gather(*(client.done for client in connected))
    lasted, waits = time.perf_counter() - began, sorted(load.waited_s)
    return {
        "rate": len(waits) / lasted,
        "answers": len(waits),
        "opened": load.opened,
        "p50_ms": waits[len(waits) // 2] * 1000,
        "p99_ms": waits[len(waits) * 99 // 100] * 1000,
    }


if __name__ == "__main__":
    url, token, mark, clients, seconds = sys.argv[1:]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        seen = runner.run(drive(url, token, mark=mark, clients=int(clients), seconds=float(seconds)))
    print(json.dumps(seen))
