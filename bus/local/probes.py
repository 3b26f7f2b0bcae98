"""Whether something answers, asked once, without a proxy in between."""

import http.client
import socket
from urllib.parse import urlsplit


def port_answers(port: int, *, host: str = "127.0.0.1", timeout_s: float = 1.0) -> bool:
    """Say whether something accepts connections there. Blocks up to the timeout."""
    try:
        socket.create_connection((host, port), timeout=timeout_s).close()
    except OSError:
        return False
    return True


def http_ok(address: str, *, timeout_s: float = 2.0) -> bool:
    """Say whether a GET of this http(s) address answers 200. Blocks up to the timeout."""
    parts = urlsplit(address)
    secure = parts.scheme == "https"
    connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = connect(parts.hostname or "127.0.0.1", parts.port, timeout=timeout_s)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
