"""From a verified delivery of the CRM to the requests it asks for. Pure; only MalformedInput leaves it."""

import hashlib
from collections.abc import Iterator
from typing import Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.contract import Delivery, command_id
from adapters.crm.wire import TYPES, About, Envelope
from bus.commands import OpenTicket, Request
from bus.errors import MalformedInput
from bus.names import nearest

DEPTH_MAX: Final = 32

M = TypeVar("M", bound=BaseModel)


def translate(delivery: Delivery) -> tuple[Request, ...]:
    """Say what a delivery wants: one request, addressed by the CRM's own number.

    The command id is derived from the delivery id, so a repeat has no second effect. Raises MalformedInput, its field a
    JSON path into the body.
    """
    raw = _json(delivery.body)
    envelope = _read(Envelope, raw, "$")
    model = TYPES.get(envelope.type)
    if model is None:
        raise _unknown("unknown_type", "$.type", ("消息类型", "delivery type"), envelope.type, list(TYPES))
    about: About = _read(model, envelope.data, "$.data")
    command = about.command()
    return (
        Request(
            command_id=command_id(delivery.source, delivery.delivery_id, "0"),
            command=command,
            source=delivery.source,
            actor=about.by or delivery.source,
            at=envelope.timestamp,
            received_at=delivery.received_at,
            trace_id=delivery.trace_id,
            fingerprint=hashlib.sha256(delivery.body).hexdigest(),
            source_no="" if isinstance(command, OpenTicket) else about.source_no,
        ),
    )


def _json(body: bytes) -> object:
    try:
        raw: object = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        zh, en = f"不是合法的 UTF-8 JSON(第 {error.pos} 个字符)", f"not valid UTF-8 JSON (character {error.pos})"
        raise MalformedInput("bad_json", "$", zh, en) from None
    for path, depth, text in _walk(raw, "$", 1):
        if depth > DEPTH_MAX:
            raise MalformedInput("too_deep", "$", f"嵌套超过 {DEPTH_MAX} 层", f"nested deeper than {DEPTH_MAX} levels")
        if "\0" in text:  # PostgreSQL would refuse it later, far from its sender
            raise MalformedInput("nul_character", path, f"“{path}”含有 NUL 字符", f"{path} holds a NUL character")
    return raw


def _walk(value: object, path: str, depth: int) -> Iterator[tuple[str, int, str]]:
    """Give every name and text with its path; the first thing too deep ends the walk at the caller."""
    if depth > DEPTH_MAX:
        yield path, depth, ""
    elif isinstance(value, str):
        yield path, depth, value
    elif isinstance(value, list):
        for index, each in enumerate(value):
            yield from _walk(each, f"{path}[{index}]", depth + 1)
    elif isinstance(value, dict):
        for name, each in value.items():
            yield path, depth, name
            yield from _walk(each, f"{path}.{name}", depth + 1)


def _read(model: type[M], raw: object, path: str) -> M:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _malformed(model, error.errors(include_url=False, include_input=False)[0], path) from None


def _malformed(model: type[BaseModel], error: ErrorDetails, path: str) -> MalformedInput:
    where = path + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])
    match error["type"]:
        case "missing":
            return MalformedInput("missing_field", where, f"缺少字段“{where}”", f"{where} is missing")
        case "extra_forbidden":
            *outer, name = error["loc"]
            legal = list(_model_at(model, outer).model_fields)
            return _unknown("unknown_field", where, ("字段", "field"), str(name)[:80], legal)
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
    close = nearest(word, legal)
    zh, en = (f",是不是“{close}”?", f"; did you mean {close!r}?") if close else ("", "")
    return MalformedInput(
        code,
        field,
        f"不认识的{what[0]}“{word[:80]}”{zh} 可用:{'、'.join(legal)}",
        f"unknown {what[1]} {word[:80]!r}{en} Use one of {', '.join(legal)}.",
        nearest=close,
    )
