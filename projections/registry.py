"""The list of read models, and which stage keeps which."""

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bus.stage.handler import Stage
from bus.stage.runner import CHUNK
from bus.wire.event_reader import EventReader
from projections.device_history import HISTORY
from projections.read_model import ReadModel
from projections.sla_clocks import SLA_CLOCKS
from projections.store import ProjectionHandler
from projections.tickets import TICKETS
from schemas.topics import LOG, physical

# Stage → its read models. A read model's name is also the name of its offsets: never change one.
STAGES: Mapping[str, tuple[ReadModel[Any], ...]] = {"projections": (TICKETS, HISTORY), "sla": (SLA_CLOCKS,)}
DECODED_KEPT = 2 * CHUNK  # the read models of a stage are given the same records one after the other
KEPT_BYTES_MAX = 4096  # of one: a log full of large events is no reason to hold gigabytes
READ_MODELS: Mapping[str, ReadModel[Any]] = {model.name: model for models in STAGES.values() for model in models}


def stages(events: EventReader, *, namespace: str) -> tuple[Stage, ...]:
    """Give the stages that keep the read models from the log."""
    kept = lru_cache(maxsize=DECODED_KEPT)(events.decode)
    once = replace(events, decode=lambda value: (kept if len(value) <= KEPT_BYTES_MAX else events.decode)(value))
    return tuple(
        Stage(
            name=name,
            topic=physical(namespace, LOG),
            group=physical(namespace, f"ticketbus.{name}"),
            handlers=tuple(ProjectionHandler(model, once) for model in models),
        )
        for name, models in STAGES.items()
    )
