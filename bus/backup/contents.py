"""What a backup holds beside PostgreSQL: contract, config files, topics, registry; and what it leaves out, by name."""

import asyncio
import json
import shutil
from collections.abc import Iterator, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final, LiteralString

import httpx2

from bus.backup.manifest import BackedUpLog
from bus.kafka.broker_topic import describe
from bus.kafka.clients import admin
from bus.kafka.range_reader import open_reader
from bus.postgres.pool import Connection, read_row
from bus.schema_registry import Registry, asked
from bus.secret_files import HOLD_KEYS
from bus.settings import Settings, secret_files, variables
from schemas.topics import Contract, physical

CONTRACT, CONFIG, TOPICS, REGISTRY = "contract", "config", "topics.json", "registry.json"
_CONTRACT_FILES: Final = (
    "topics.yaml",
    "sla.yaml",
    "root_causes.yaml",
    "rejection_reasons.yaml",
    "scene_tags.yaml",
    "expectations.yaml",
    "calendars.yaml",
    "work_orders.yaml",
)
_NAMES_FILE: Final = "_file"
_REGISTRY_CALLS: Final = 8
_LOG: LiteralString = """
SELECT (SELECT count(*) FROM events) AS events, l.ticket_id AS last_ticket_id, l.version AS last_version,
    l.recorded_at AS last_recorded_at, n.last_value AS last_ticket_number
FROM ticket_numbers n LEFT JOIN (
    SELECT ticket_id, version, recorded_at FROM events ORDER BY recorded_at DESC, ticket_id DESC, version DESC LIMIT 1
) l ON true"""


def copy_files(settings: Settings, into: Path) -> list[str]:
    """Copy the contract and the config files that settings name; gives the settings whose files are not there."""
    (into / CONTRACT).mkdir()
    for name in _CONTRACT_FILES:
        with resources.as_file(resources.files("schemas").joinpath(name)) as file:
            shutil.copyfile(file, into / CONTRACT / name)
    missing = []
    for name, path in _config_files(settings):
        folder = into / CONFIG / variables()[name]
        try:
            folder.mkdir(parents=True)
            shutil.copyfile(path, folder / path.name)
        except OSError:
            missing.append(variables()[name])
    return missing


def left_out(settings: Settings) -> list[str]:
    """Name the secrets that are set, or lent, and the files of keys: they are not in a backup."""
    return sorted(variables()[name] for name in (*secret_files(), *HOLD_KEYS) if getattr(settings, name))


async def write_topics(settings: Settings, contract: Contract, into: Path) -> dict[str, dict[str, int]]:
    """Write the bus's topics with their configs; gives the end offset of each partition. Raises KafkaUnavailable."""
    names = [physical(settings.namespace, name) for name in contract.topics]
    async with admin(settings) as client:
        there = await describe(client, names)
    async with open_reader(settings) as reader:
        ends = {name: await reader.ends(name, range(topic.partitions)) for name, topic in sorted(there.items())}
    topics = {name: {"partitions": one.partitions, "configs": dict(one.own)} for name, one in sorted(there.items())}
    _write(into / TOPICS, topics)
    return {name: {str(partition): end for partition, end in one.items()} for name, one in ends.items()}


async def write_registry(registry: Registry, into: Path) -> int:
    """Write every subject with its level and versions; gives how many subjects. Raises RegistryUnavailable."""
    turns = asyncio.Semaphore(_REGISTRY_CALLS)

    async def of(http: httpx2.AsyncClient, subject: str) -> dict[str, Any]:
        async with turns:
            level = await asked(http, f"/config/{subject}")
            numbers = await asked(http, f"/subjects/{subject}/versions", kind=list) or []
            return {
                "level": level and level.get("compatibilityLevel"),
                "versions": [await asked(http, f"/subjects/{subject}/versions/{number}") for number in numbers],
            }

    async with registry.client() as http:
        subjects = sorted(await asked(http, "/subjects", kind=list) or [])
        found = await asyncio.gather(*(of(http, one) for one in subjects))
    _write(into / REGISTRY, dict(zip(subjects, found, strict=True)))
    return len(subjects)


async def read_log(connection: Connection) -> BackedUpLog:
    """Read how far the log is. Raises StoreUnavailable."""
    found = await read_row(connection, _LOG, BackedUpLog)
    assert found is not None, "the sequence of ticket numbers has one row"
    return found


def not_included(kafka: bool, registry: bool) -> list[str]:
    """Say what a new bus needs and this backup does not have."""
    found = [
        "Kafka's records: `ticketbus log mend` fills events in; what waits on ticket.commands, ticket.intake is lost",
    ]
    if not kafka:
        found.append("topic configs and end offsets: Kafka was away")
    if not registry:
        found.append("subjects of the schema registry: it was away, or none is set")
    return found


def _config_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    for name in Settings.model_fields:
        path = getattr(settings, name)
        if name.endswith(_NAMES_FILE) and name not in HOLD_KEYS and isinstance(path, Path):
            yield name, path


def _write(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True), encoding="utf-8")
