"""The list of read models, and which stage keeps which."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from bus.domain.events import Recorded
from bus.stage.handler import Stage
from bus.stage.runner import CHUNK
from bus.wire.codec import Codec
from bus.wire.event_reader import EventReader
from bus.wire.record_reader import Keep, Know, nothing_more, nowhere
from projections.device_history import HISTORY
from projections.hosts import HOSTS
from projections.read_model import ReadModel
from projections.sla_clocks import SLA_CLOCKS
from projections.store import ProjectionHandler
from projections.tickets import TICKETS
from schemas.topics import LOG, physical

PROJECTIONS = "projections"
# A read model's name is also the name of its offsets: never change one.
TICKET_MODELS: Mapping[str, ReadModel[Any, Any]] = {model.name: model for model in (TICKETS, HISTORY, SLA_CLOCKS)}
READ_MODELS: Mapping[str, ReadModel[Any, Any]] = {**TICKET_MODELS, HOSTS.name: HOSTS}
DECODED_KEPT = 2 * CHUNK  # the handlers of the log are given the same records one after the other
KEPT_BYTES_MAX = 4096  # of one: a log full of large events is no reason to hold gigabytes


def decoding_once(events: EventReader) -> EventReader:
    """Let all readers share what is decoded."""
    kept = lru_cache(maxsize=DECODED_KEPT)(events.decode)

    def decode(value: bytes) -> Recorded:
        return (kept if len(value) <= KEPT_BYTES_MAX else events.decode)(value)

    return EventReader(decode=decode, know=events.know, keep=events.keep)


def handler_of(
    model: ReadModel[Any, Any], codec: Codec, know: Know = nothing_more, keep: Keep = nowhere
) -> ProjectionHandler[Any, Any]:
    """Make what keeps a read model, with a reader of its own."""
    return ProjectionHandler(model, model.reader(codec, know, keep))


def stage(events: EventReader, *, namespace: str) -> Stage:
    """Give the stage that keeps the read models of tickets from the log: records are read and decoded once for all."""
    return Stage(
        name=PROJECTIONS,
        topic=physical(namespace, LOG),
        group=physical(namespace, f"ticketbus.{PROJECTIONS}"),
        handlers=tuple(ProjectionHandler(model, events) for model in TICKET_MODELS.values()),
    )
