"""The compose file as the tests read it: parsed, with its variables filled in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILE = ROOT / "docker-compose.kafka.yml"
OURS = ("prepare", "gateway", "worker", "watch")
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
FILLED = {
    "POSTGRES_PASSWORD": "letters0and0digits",
    "TICKETBUS_WEBHOOK_SECRET_CRM": "whsec_" + "MDEyMzQ1" * 4,
    "TICKETBUS_MASTER_KEY": "MDEyMzQ1" * 6,
}
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?P<rule>:[-?][^}]*)?\}")

COMPOSE: Mapping[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: Mapping[str, Mapping[str, Any]] = COMPOSE["services"]


NOT_PROPERTIES = {"KAFKA_HEAP_OPTS"}


def properties(broker: str) -> dict[str, str]:
    """Give a broker's settings as its image reads them: KAFKA_A_B is a.b, A__B a_b, A___B a-b."""
    given = environment(broker)
    names = (name for name in given if name.startswith("KAFKA_") and name not in NOT_PROPERTIES)
    return {_property(name): given[name] for name in names}


def _property(name: str) -> str:
    dotted = name.removeprefix("KAFKA_").lower().replace("_", ".")
    return dotted.replace("...", "-").replace("..", "_")


def environment(service: str) -> dict[str, str]:
    """Give a service's environment with every variable filled in."""
    return {name: _filled(str(value)) for name, value in SERVICES[service].get("environment", {}).items()}


def _filled(text: str) -> str:
    return VARIABLE.sub(lambda m: FILLED.get(m["name"], (m["rule"] or "")[2:]), text)
