"""From a verified delivery of the CRM to the requests it asks for. Pure; only MalformedInput leaves it."""

import hashlib
from typing import TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.crm.wire import TYPES, About, CrmEnvelope
from adapters.source_contract import command_id
from bus.domain.commands import OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.domain.terms import TraceId
from bus.intake.reserved_names import person_name
from bus.wire.json_body import NAME_CHARS_SHOWN, joined, read_object
from schemas.messages import RequestReceived

M = TypeVar("M", bound=BaseModel)


def translate(received: RequestReceived) -> tuple[Request, ...]:
    """Say what a delivery wants: one request, addressed by the CRM's own number.

    The command id is derived from the delivery id, so a repeat has no second effect. Raises MalformedInput, its field a
    JSON path into the body.
    """
    envelope = _read(CrmEnvelope, read_object(received.body, "$"), "$")
    model = TYPES.get(envelope.type)
    if model is None:
        raise _unknown("unknown_type", "$.type", ("消息类型", "delivery type"), envelope.type, list(TYPES))
    about: About = _read(model, envelope.data, "$.data")
    command = about.command()
    return (
        Request(
            command_id=command_id(received.source, received.delivery_id, "0"),
            command=command,
            source=received.source,
            actor=person_name(about.by, "$.data.by") or received.source,
            at=envelope.timestamp,
            received_at=received.received_at,
            trace_id=TraceId(received.trace_id),
            fingerprint=hashlib.sha256(received.body).hexdigest(),
            source_no="" if isinstance(command, OpenTicket) else about.source_no,
        ),
    )


def _read(model: type[M], raw: object, path: str) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _malformed(model, error.errors(include_url=False, include_input=False)[0], path) from None


def _malformed(model: type[BaseModel], error: ErrorDetails, path: str) -> MalformedInput:
    where = path
    for part in error["loc"]:
        where = f"{where}[{part}]" if isinstance(part, int) else joined(where, part)
    match error["type"]:
        case "missing":
            return MalformedInput("missing", where, f"缺少字段“{where}”", f"{where} is missing")
        case "extra_forbidden":
            *outer, name = error["loc"]
            legal = list(_model_at(model, outer).model_fields)
            return _unknown("unknown_field", where, ("字段", "field"), str(name), legal)
        case _:
            return MalformedInput(
                "wrong_value", where, f"字段“{where}”的值不合要求:{error['msg']}", f"{where}: {error['msg']}"
            )


def _model_at(model: type[BaseModel], path: list[int | str]) -> type[BaseModel]:
    """Find the model of a nested part; every part is required or has a default, so its annotation is the class."""
    for name in path:
        inner = model.model_fields[str(name)].annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            model = inner
    return model


def _unknown(code: str, field: str, what: tuple[str, str], word: str, legal: list[str]) -> MalformedInput:
    word = word[:NAME_CHARS_SHOWN]
    close = nearest(word, legal)
    zh, en = (f",是不是“{close}”?", f"; did you mean {close!r}?") if close else ("", "")
    return MalformedInput(
        code,
        field,
        f"不认识的{what[0]}“{word}”{zh} 可用:{'、'.join(legal)}",
        f"unknown {what[1]} {word!r}{en} Use one of {', '.join(legal)}.",
        nearest=close,
    )
