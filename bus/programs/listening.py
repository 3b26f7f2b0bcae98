"""The socket a program listens on."""

import socket

from bus.domain.errors import BusError


class PortTaken(BusError):
    """The port to listen on is taken."""


def listening_socket(host: str, port: int, mend: str) -> socket.socket:
    """Listen. Raises PortTaken, which says `mend`."""
    try:
        return socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=2048
        )
    except OSError as error:
        raise PortTaken(f"cannot listen on {host}:{port} ({error.strerror}); {mend}") from error
