"""Where the parts are, by the settings: host and port of each, and whether that is this host."""

from typing import Final
from urllib.parse import urlsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict

from bus.settings import Settings

LOOPBACK: Final = ("localhost", "127.0.0.1", "::1", "")
Place = tuple[str, int]


def is_here(host: str) -> bool:
    """Say whether a host's name is this host's own; a directory is that of a Unix socket. Pure."""
    return host in LOOPBACK or host.startswith("/")


def database_places(settings: Settings) -> list[Place]:
    """Give the hosts of PostgreSQL that the URL names; none where it cannot be read. Pure."""
    try:
        given = conninfo_to_dict(settings.database_url or "")
    except ProgrammingError:
        return []
    hosts = str(given.get("host") or given.get("hostaddr") or "").split(",")
    ports = str(given.get("port") or "5432").split(",")
    ports = ports if len(ports) == len(hosts) else ports[:1] * len(hosts)
    return [(host, int(port or 5432)) for host, port in zip(hosts, ports, strict=True)]


def database_is_here(settings: Settings) -> bool:
    """Say whether PostgreSQL runs on this host. Pure."""
    return bool(settings.database_url) and all(is_here(host) for host, _ in database_places(settings))


def broker_places(settings: Settings) -> list[Place]:
    """Give host and port of each broker that the settings name. Pure."""
    found = list[Place]()
    for one in filter(None, (settings.kafka_bootstrap or "").split(",")):
        host, _, port = one.strip().rpartition(":")
        found.append((host.strip("[]"), int(port)) if port.isdigit() else (one.strip(), 9092))
    return found


def url_place(url: str) -> Place | None:
    """Give host and port of an https URL; None of any other. Pure."""
    parts = urlsplit(url)
    return (parts.hostname, parts.port or 443) if parts.scheme == "https" and parts.hostname else None
