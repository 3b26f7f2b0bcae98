"""The embedded schema registry: Apicurio, on the embedded PostgreSQL or, without it, on a file of its own."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from bus.local import postgres
from bus.local.java import java
from bus.local.probes import http_ok
from bus.local.process import Child, spawn

NAME: Final = "registry"
HEAP_MB: Final = 384
USER: Final = "ticketbus"
_ROOT: Final = "/apis/ccompat/v7"


def url(*, port: int) -> str:
    """Answer the root of the Confluent API."""
    return f"http://127.0.0.1:{port}{_ROOT}"


def basic_auth(password: str) -> str:
    """Answer the credential that writes ask for."""
    return f"{USER}:{password}"


def start(
    data: Path,
    *,
    home: Path,
    port: int,
    password: str,
    database: tuple[int, str] | None,
    quick_start: Path | None,
    logs: Path,
) -> Child:
    """Start the registry unpacked in `home`. Does not wait until it answers.

    Who knows `password` may write; whoever reaches the port may read.
    `database` is the embedded PostgreSQL's port and the password of the registry's role. Without it the schemas live in
    a file under `data`: an outside database is the bus's alone, and both storages keep schema ids over restarts.
    """
    environment = environment_of(data, port=port, password=password, database=database)
    command = java_command(quick_start=quick_start)
    return spawn(NAME, command, log=logs / "registry.log", cwd=home, env=dict(os.environ) | environment)


def java_command(*, quick_start: Path | None = None, options: Sequence[str] = ()) -> list[str]:
    """Answer the registry's command line, to be run where it is unpacked."""
    return java(
        heap_mb=HEAP_MB,
        quick_start=quick_start,
        options=["-XX:TieredStopAtLevel=1", *options],
        run=["-jar", "quarkus-run.jar"],
    )


def environment_of(data: Path, *, port: int, password: str, database: tuple[int, str] | None) -> dict[str, str]:
    """Answer the settings it reads from its environment, passwords among them."""
    if database is None:
        directory = data / "registry"
        directory.mkdir(parents=True, exist_ok=True)
        kind, source, user, secret = "h2", f"jdbc:h2:file:{directory / 'schemas'}", "sa", ""
    else:
        database_port, secret = database
        kind, user = "postgresql", postgres.REGISTRY_ROLE
        source = f"jdbc:postgresql://127.0.0.1:{database_port}/{postgres.REGISTRY_DATABASE}"
    return {
        "QUARKUS_HTTP_HOST": "127.0.0.1",
        "QUARKUS_HTTP_PORT": str(port),
        "QUARKUS_MANAGEMENT_HOST": "127.0.0.1",  # a second listener, else on every interface and always on port 9000
        "QUARKUS_MANAGEMENT_PORT": "0",
        "QUARKUS_LOG_LEVEL": "WARN",
        "QUARKUS_HTTP_ACCESS_LOG_ENABLED": "false",
        "APICURIO_STORAGE_KIND": "sql",
        "APICURIO_STORAGE_SQL_KIND": kind,
        "APICURIO_DATASOURCE_URL": source,
        "APICURIO_DATASOURCE_USERNAME": user,
        "APICURIO_DATASOURCE_PASSWORD": secret,
        "APICURIO_STORAGE_ORPHAN_CLEANUP_EVERY": "off",  # else an hour after a subject is deleted its ids mean nothing
        # It knows no list of hosts; who comes by another name or from another origin can read, as all can.
        "QUARKUS_HTTP_AUTH_BASIC": "true",
        "QUARKUS_SECURITY_USERS_EMBEDDED_PLAIN_TEXT": "true",
        f"QUARKUS_SECURITY_USERS_EMBEDDED_USERS_{USER.upper()}": password,
        f"QUARKUS_SECURITY_USERS_EMBEDDED_ROLES_{USER.upper()}": "sr-admin",
        "APICURIO_AUTH_ANONYMOUS_READ_ACCESS_ENABLED": "true",
        "APICURIO_RULES_GLOBAL_COMPATIBILITY": "FULL_TRANSITIVE",  # of subjects that nobody gave a level
    }


def answers(*, port: int, timeout_s: float = 2.0) -> bool:
    """Say whether the registry lists its subjects."""
    return http_ok(url(port=port) + "/subjects", timeout_s=timeout_s)
