"""The list of read models, and which stage keeps which."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from bus.domain.events import Recorded
from bus.stage.handler import Handler, Stage, stage_of
from bus.stage.runner import CHUNK
from bus.wire.codec import Codec
from bus.wire.event_reader import EventReader
from bus.wire.record_reader import Keep, Know, nothing_more, nowhere
from projections.device_history import HISTORY
from projections.hosts import HOSTS
from projections.read_model import ReadModel
from projections.sla_clocks import SLA_CLOCKS
from projections.store import ProjectionHandler
from projections.ticket_closures import CLOSURES
from projections.ticket_outcomes import OUTCOMES
from projections.tickets import TICKETS
from schemas.topics import LOG

PROJECTIONS = "projections"
# A read model's name is also the name of its offsets: never change one.
_OF_TICKETS: Sequence[ReadModel[Any, Any]] = (TICKETS, HISTORY, SLA_CLOCKS, OUTCOMES, CLOSURES)
TICKET_MODELS: Mapping[str, ReadModel[Any, Any]] = {model.name: model for model in _OF_TICKETS}
OTHER_MODELS: Mapping[str, ReadModel[Any, Any]] = {HOSTS.name: HOSTS}
READ_MODELS: Mapping[str, ReadModel[Any, Any]] = {**TICKET_MODELS, **OTHER_MODELS}
STAGES = (PROJECTIONS, *OTHER_MODELS)
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


def ticket_stage(events: EventReader, *beside: Handler, namespace: str) -> Stage:
    """Give the stage of the read models of tickets: records of the log are read and decoded once for all.

    `beside`: others that follow the log with them.
    """
    handlers = [*(ProjectionHandler(model, events) for model in TICKET_MODELS.values()), *beside]
    return stage_of(PROJECTIONS, LOG, *handlers, namespace=namespace)


def stages(
    events: EventReader, codec: Codec, know: Know, keep: Keep, *beside: Handler, namespace: str
) -> tuple[Stage, ...]:
    """Give the stages that keep all read models; one of another topic than the log has a stage of its own name.

    `beside`: others that follow the log in the stage of the read models of tickets.
    """
    others = OTHER_MODELS.values()
    return (
        ticket_stage(events, *beside, namespace=namespace),
        *(stage_of(one.name, one.topic, handler_of(one, codec, know, keep), namespace=namespace) for one in others),
    )
