"""A small HTTP proxy on loopback: tunnels by CONNECT and forwards plain requests, as one of a company does."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from adapters.contract_suites.faulty_ways import listening, read_message
from tests.proxy import pump


@dataclass(kw_only=True)
class HttpProxy:
    """`login` (user:password) is asked for where it is not empty; `drops`: takes CONNECT, and hangs up.

    `refuses`: the status and reason that every request is answered with.
    """

    login: str = ""
    drops: bool = False
    refuses: str = ""
    url: str = ""
    requests: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        request = await read_message(reader)
        head = request.partition(b"\r\n\r\n")[0].decode()
        method, target, _ = head.split("\r\n")[0].split(" ")
        self.requests.append(f"{method} {target}")
        known = f"basic {base64.b64encode(self.login.encode()).decode()}".casefold()
        if self.login and f"proxy-authorization: {known}" not in head.casefold():
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")
            await writer.drain()
            return
        if self.refuses:
            writer.write(f"HTTP/1.1 {self.refuses}\r\ncontent-length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        if method == "CONNECT":
            if self.drops:
                return
            host, _, port = target.rpartition(":")
        else:
            address = urlsplit(target)
            host, port = str(address.hostname), str(address.port)
            request = request.replace(target.encode(), address.path.encode(), 1)
        there, back = await asyncio.open_connection(host, int(port))
        try:
            if method == "CONNECT":
                writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                back.write(request)
            await asyncio.gather(pump(reader, back), pump(there, writer))
        finally:
            back.close()


@asynccontextmanager
async def http_proxy(
    *, login: str = "", drops: bool = False, refuses: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[HttpProxy]:
    """Run a proxy for the length of a block."""
    proxy = HttpProxy(login=login, drops=drops, refuses=refuses)
    async with listening(proxy.serve, tls=tls) as address:
        proxy.url = f"http{'s' if tls else ''}://{address}"
        yield proxy
