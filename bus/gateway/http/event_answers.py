"""An event as it is answered, with a type for every kind: the envelope's fields, then the event's own."""

from functools import reduce
from operator import or_
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema

from bus.domain.events import Recorded
from schemas.catalogue import EVENT, EVENT_TYPES, RecordType


class _AnyKind:
    """Makes the schema: one of all kinds, told apart by `event_type`."""

    def __get_pydantic_core_schema__(self, _source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        anyone: Any = reduce(or_, map(_answer, EVENT_TYPES))
        return handler.generate_schema(Annotated[anyone, Field(discriminator="event_type")])


EventAnswer = Annotated[dict[str, Any], _AnyKind()]
"""What `bus.wire.codec.event_json` gives."""


def _answer(record: RecordType) -> type[BaseModel]:
    envelope, own = (get_type_hints(cls, include_extras=True) for cls in (Recorded, record.cls))
    hints = {name: hint for name, hint in envelope.items() if name != EVENT.payload}
    fields: Any = {**hints, **own, "event_type": Literal[record.ce_type]}
    return create_model(record.cls.__name__, __doc__=record.cls.__doc__, **fields)
