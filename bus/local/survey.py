"""How every part of a local stack is, seen from another process."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

import psycopg

from bus.local import kafka, parts, postgres, schema_registry
from bus.local import state as states
from bus.local.probes import http_ok, port_answers
from bus.local.state import StackState
from bus.settings import load
from bus.tls import trust

State = Literal["up", "starting", "down"]
_PORT_OF: Final = {parts.GATEWAY: "http"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PartStatus:
    """One row of `ticketbus status`."""

    part: str
    state: State
    where: Literal["embedded", "outside"]
    address: str | None
    pid: int | None
    restarts: int


def survey(data: Path) -> list[PartStatus]:
    """Look at every part of the stack in `data`; empty when none was ever started there. Blocks for seconds at most."""
    state = states.load(data)
    if state is None:
        return []
    running = state.living_supervisor() is not None
    names = [name for name in parts.REPLACED_BY if name not in state.outside]
    names += [name for name in state.processes if name not in names]
    rows = [_outside(name, state) for name in state.outside] if running else []
    return [*rows, *(_embedded(name, state) for name in names)]


def all_up(rows: Iterable[PartStatus]) -> bool:
    """Say whether there are parts and every one is up."""
    states_ = [row.state for row in rows]
    return bool(states_) and all(each == "up" for each in states_)


def _embedded(name: str, state: StackState) -> PartStatus:
    identity = state.processes.get(name)
    alive = identity is not None and identity.alive()
    port = state.ports.get(_PORT_OF.get(name, name))
    up = alive and _answers(name, state, port)
    return PartStatus(
        part=name,
        state="up" if up else "starting" if alive else "down",
        where="embedded",
        address=f"127.0.0.1:{port}" if port else None,
        pid=identity.pid if alive and identity else None,
        restarts=state.restarts.get(name, 0),
    )


def _answers(name: str, state: StackState, port: int | None) -> bool:
    if port is None:  # a program without a port counts once it runs
        return True
    probes: Mapping[str, Callable[[], bool]] = {
        postgres.NAME: lambda: postgres.answers(port=port, password=state.secrets.database_password),
        kafka.NAME: lambda: kafka.answers(port=port),
        schema_registry.NAME: lambda: schema_registry.answers(port=port),
        parts.GATEWAY: lambda: http_ok(f"{state.lends['url']}{parts.READY}", trust=trust(load(), "ca_file")),
    }
    return probes.get(name, lambda: port_answers(port))()


def _outside(name: str, state: StackState) -> PartStatus:
    address = str(state.lends[parts.REPLACED_BY[name]])
    match name:
        case postgres.NAME:
            up, shown = _database_answers(address), _host_of(address)
        case kafka.NAME:
            up, shown = any(_broker_answers(each) for each in address.split(",")), address
        case _:
            up, shown = _registry_answers(address, state), _host_of(address)
    return PartStatus(part=name, state="up" if up else "down", where="outside", address=shown, pid=None, restarts=0)


def _host_of(url: str) -> str:
    parts_ = urlsplit(url)
    return f"{parts_.hostname}:{parts_.port}" if parts_.port else str(parts_.hostname)


def _registry_answers(url: str, state: StackState) -> bool:
    auth = state.lends.get("schema_registry_basic_auth")
    return http_ok(url.rstrip("/") + "/subjects", trust=trust(load(), "schema_registry_ca_file"), basic_auth=auth)


def _database_answers(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _broker_answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return port.isdigit() and port_answers(int(port), host=host or "127.0.0.1")
