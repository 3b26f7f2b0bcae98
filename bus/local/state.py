"""What a local stack remembers in DATA/stack.json: processes, ports, secrets, and what it lends to commands."""

import base64
import dataclasses
import json
import os
import secrets
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from bus.lent_settings import STATE_FILE
from bus.local.failures import LocalStackError
from bus.local.process import Identity

Phase = Literal["starting", "ready", "stopping", "stopped"]


def cluster_id() -> str:
    """Answer a Kafka cluster id: 16 random bytes in URL-safe base64; a leading dash would read as an option."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        pass
    return text


@dataclass(slots=True, kw_only=True)
class Secrets:
    """Made once per data directory; the database and the broker's log are bound to them."""

    database_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))  # the superuser's
    bus_database_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    registry_database_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    registry_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    kafka_cluster: str = field(default_factory=cluster_id)
    master_key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    token: str = field(default_factory=lambda: "tb_" + secrets.token_urlsafe(32))
    webhook_crm: str = field(default_factory=lambda: "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode())


@dataclass(slots=True, kw_only=True)
class StackState:
    """The supervisor alone writes it; everybody of the same user reads it."""

    phase: Phase = "stopped"
    supervisor: Identity | None = None
    processes: dict[str, Identity] = field(default_factory=dict)
    restarts: dict[str, int] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    secrets: Secrets = field(default_factory=Secrets)
    outside: list[str] = field(default_factory=list)
    lends: dict[str, Any] = field(default_factory=dict)

    def living_supervisor(self) -> Identity | None:
        """Answer the supervisor when it is alive."""
        return self.supervisor if self.supervisor and self.supervisor.alive() else None


def load(data: Path) -> StackState | None:
    """Read the state of the stack in `data`; None where there never was one. Raises LocalStackError when unreadable."""
    path = data / STATE_FILE
    try:
        raw = json.loads(path.read_bytes())
        return StackState(
            phase=raw["phase"],
            supervisor=Identity(**raw["supervisor"]) if raw["supervisor"] else None,
            processes={name: Identity(**each) for name, each in raw["processes"].items()},
            restarts=raw["restarts"],
            ports=raw["ports"],
            secrets=Secrets(**raw["secrets"]),
            outside=raw["outside"],
            lends=raw["lends"],
        )
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LocalStackError(
            f"{path} cannot be read ({error!r}); it holds the database's password: "
            f"restore it, or remove {data} to begin anew"
        ) from error


def save(data: Path, state: StackState) -> None:
    """Write the state whole or not at all, readable by its owner alone."""
    path = data / STATE_FILE
    half = path.with_suffix(".half")
    half.unlink(missing_ok=True)
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(state), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
