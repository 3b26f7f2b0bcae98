"""Which parts a local stack consists of: how each is started, when it answers, how long it may take to stop."""

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bus.lent_settings import RULE_FILES
from bus.local import kafka, postgres, schema_registry
from bus.local.jars import Jars
from bus.local.probes import http_ok, port_answers
from bus.local.process import Child, spawn
from bus.local.quick_start import QuickStart
from bus.local.state import StackState
from bus.secret_files import SUFFIX
from bus.settings import Settings, load
from bus.tls import trust

GATEWAY: Final = "gateway"
READY: Final = "/readyz"
# The part that each setting replaces by an outside one.
REPLACED_BY: Final = {
    postgres.NAME: "database_url",
    kafka.NAME: "kafka_bootstrap",
    schema_registry.NAME: "schema_registry_url",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """One of the bus's own programs, run beside the parts."""

    name: str
    argv: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalPart:
    """Something that the supervisor keeps running; without `answers` nothing can be asked whether it is ready."""

    name: str
    start: Callable[[], Child]
    answers: Callable[[], bool] | None
    answer_s_max: float
    grace_s: float


def program(name: str) -> Program:
    """Answer the program that `ticketbus NAME` runs."""
    return Program(name=name, argv=(sys.executable, "-m", "bus", name))


def embedded(settings: Settings) -> list[str]:
    """Name the parts that no setting replaces, in the order in which they are started."""
    return [name for name, setting in REPLACED_BY.items() if getattr(settings, setting) is None]


def without_own(settings: Settings, state: StackState) -> Settings:
    """Answer the settings without addresses that this very stack lent to the shell it is now started from.

    They would pass for outside parts, and those are gone. Where something answers after all, it is an outside one.
    """
    ports = state.ports
    own = {
        "database_url": "postgres" in ports and settings.database_url in _own_database_urls(state),
        "kafka_bootstrap": "kafka" in ports and settings.kafka_bootstrap == kafka.bootstrap(port=ports["kafka"]),
        "schema_registry_url": "registry" in ports
        and settings.schema_registry_url == schema_registry.url(port=ports["registry"]),
    }
    port_of = {setting: ports.get(name, 0) for name, setting in REPLACED_BY.items()}
    gone = {setting: None for setting, is_own in own.items() if is_own and not port_answers(port_of[setting])}
    if "schema_registry_url" in gone:
        gone["schema_registry_basic_auth"] = None
    return settings.model_copy(update=gone)


def _own_database_urls(state: StackState) -> tuple[str, str]:
    """Answer the URL that the stack lends, and the superuser's, which versions before did."""
    port, secrets = state.ports["postgres"], state.secrets
    return (
        postgres.url(port=port, password=secrets.bus_database_password),
        postgres.admin_url(port=port, password=secrets.database_password, database=postgres.DATABASE),
    )


def ports_wanted(names: Sequence[str], *, programs: bool) -> list[str]:
    """Name the ports to claim."""
    wanted = {
        postgres.NAME: ["postgres"],
        kafka.NAME: ["kafka", "kafka_controller"],
        schema_registry.NAME: ["registry"],
    }
    return [port for name in names for port in wanted[name]] + (["http"] if programs else [])


def lends(settings: Settings, state: StackState, *, programs: bool) -> dict[str, Any]:
    """Answer what this stack lends to commands and programs: its own parts' addresses and the outside ones as given."""
    ports, secrets = state.ports, state.secrets
    values: dict[str, Any] = {
        "database_url": settings.database_url
        or postgres.url(port=ports["postgres"], password=secrets.bus_database_password),
        "kafka_bootstrap": settings.kafka_bootstrap or kafka.bootstrap(port=ports["kafka"]),
        "schema_registry_url": settings.schema_registry_url or schema_registry.url(port=ports["registry"]),
    }
    if not os.environ.get("TICKETBUS_MASTER_KEY_FILE"):  # else it stays in that file alone
        values["master_key"] = settings.master_key.get_secret_value() if settings.master_key else secrets.master_key
    given_auth = settings.schema_registry_basic_auth
    if settings.schema_registry_url is None:
        values["schema_registry_basic_auth"] = schema_registry.basic_auth(secrets.registry_password)
    else:
        values["schema_registry_basic_auth"] = given_auth.get_secret_value() if given_auth else None
    if programs:
        given = {
            source: [each.get_secret_value() for each in all_] for source, all_ in settings.webhook_secrets.items()
        }
        values["url"] = f"{'https' if settings.http_certificate_file else 'http'}://127.0.0.1:{ports['http']}"
        values["token"] = settings.token.get_secret_value() if settings.token else secrets.token
        values["webhook_secrets"] = {"crm": [secrets.webhook_crm]} | given
        values["dedupe_window"] = settings.dedupe_window.total_seconds()
        for name in RULE_FILES:
            if file := getattr(settings, name):
                values[name] = str(file.resolve())
    return values


def environment(state: StackState, data: Path) -> dict[str, str]:
    """Answer the environment of the programs; of what is given here no file of the caller's is named beside."""
    lent = state.lends
    given = {
        "TICKETBUS_MASTER_KEY": lent.get("master_key", ""),
        "DATABASE_URL": lent["database_url"],
        "KAFKA_BOOTSTRAP": lent["kafka_bootstrap"],
        "SCHEMA_REGISTRY_URL": lent["schema_registry_url"],
        "SCHEMA_REGISTRY_BASIC_AUTH": lent["schema_registry_basic_auth"] or "",
        "TICKETBUS_HTTP_PORT": str(state.ports["http"]),
        "TICKETBUS_URL": lent["url"],
        "TICKETBUS_TOKEN": lent["token"],
        "TICKETBUS_WEBHOOK_SECRETS": json.dumps(lent["webhook_secrets"]),
        "TICKETBUS_DATA": str(data),
    }
    return {name: value for name, value in os.environ.items() if not given.get(name.removesuffix(SUFFIX))} | given


def wanted_parts(
    data: Path, names: Sequence[str], state: StackState, jars: Jars | None, quick: QuickStart | None
) -> list[LocalPart]:
    """Answer the embedded parts among `names`, in the order in which they are started."""
    logs, ports, password = data / "logs", state.ports, state.secrets.database_password
    parts: Mapping[str, Callable[[], LocalPart]] = {
        postgres.NAME: lambda: LocalPart(
            name=postgres.NAME,
            start=lambda: postgres.start(data, port=ports["postgres"], password=password, logs=logs),
            answers=lambda: postgres.answers(port=ports["postgres"], password=password),
            answer_s_max=60,  # after a crash it replays its log first
            grace_s=20,
        ),
        kafka.NAME: lambda: _kafka(data, state, _required(jars), quick),
        schema_registry.NAME: lambda: LocalPart(
            name=schema_registry.NAME,
            start=lambda: schema_registry.start(
                data,
                home=_required(jars).registry_home,
                port=ports["registry"],
                password=state.secrets.registry_password,
                database=(ports["postgres"], state.secrets.registry_database_password)
                if postgres.NAME not in state.outside
                else None,
                quick_start=quick.registry if quick else None,
                logs=logs,
            ),
            answers=lambda: schema_registry.answers(port=ports["registry"]),
            answer_s_max=90,
            grace_s=10,
        ),
    }
    return [parts[name]() for name in names]


def _kafka(data: Path, state: StackState, jars: Jars, quick: QuickStart | None) -> LocalPart:
    ports = state.ports

    def start() -> Child:
        kafka.configure(data, port=ports["kafka"], controller_port=ports["kafka_controller"])
        return kafka.start(
            data,
            jars=jars.kafka,
            cluster=state.secrets.kafka_cluster,
            quick_start=quick.kafka if quick else None,
            logs=data / "logs",
        )

    return LocalPart(
        name=kafka.NAME,
        start=start,
        answers=lambda: kafka.answers(port=ports["kafka"]),
        answer_s_max=90,
        grace_s=20,
    )


def _required(jars: Jars | None) -> Jars:
    assert jars is not None, "a Java part is planned, so its archives were fetched"
    return jars


def wanted_programs(programs: Sequence[Program], state: StackState, data: Path) -> list[LocalPart]:
    """Answer the programs as parts; the gateway tells readiness, the others count while they run."""

    def part(each: Program) -> LocalPart:
        ready = f"{state.lends['url']}{READY}"
        return LocalPart(
            name=each.name,
            start=lambda: spawn(
                each.name, each.argv, log=data / "logs" / f"{each.name}.log", env=environment(state, data)
            ),
            answers=(lambda: http_ok(ready, trust=trust(load(), "ca_file"))) if each.name == GATEWAY else None,
            answer_s_max=60,
            grace_s=15,
        )

    return [part(each) for each in programs]
