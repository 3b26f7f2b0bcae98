"""Whether something answers, asked once, without a proxy in between."""

import http.client
import socket
import ssl
from base64 import b64encode
from urllib.parse import urlsplit


def port_answers(port: int, *, host: str = "127.0.0.1", timeout_s: float = 1.0) -> bool:
    """Say whether something accepts connections there. Blocks up to the timeout."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def http_ok(
    address: str, *, timeout_s: float = 2.0, trust: ssl.SSLContext | None = None, basic_auth: str | None = None
) -> bool:
    """Say whether a GET of this http(s) address answers 200. Blocks up to the timeout.

    `trust`: the authorities of an https one, where they are not the system's. `basic_auth`: user:password.
    """
    parts, host = urlsplit(address), urlsplit(address).hostname or "127.0.0.1"
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout_s, context=trust)
    else:
        connection = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    login = {"Authorization": f"Basic {b64encode(basic_auth.encode()).decode()}"} if basic_auth else {}
    try:
        connection.request("GET", parts.path, headers=login)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
