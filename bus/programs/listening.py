"""The socket a program listens on, and the file descriptors that its connections take."""

import resource
import socket
from contextlib import suppress

from bus.domain.errors import BusError

DESCRIPTORS_MAX = 65_536


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


def take_descriptors() -> None:
    """Use as many file descriptors as the system lets this process have: each connection takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard or hard == resource.RLIM_INFINITY:
        wanted = DESCRIPTORS_MAX if hard == resource.RLIM_INFINITY else min(hard, DESCRIPTORS_MAX)
        with suppress(ValueError, OSError):  # a system may allow fewer than its limit says
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
