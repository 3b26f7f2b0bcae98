"""From a verified delivery of the CRM to the requests it asks for. Pure; only MalformedInput leaves it."""

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from adapters.crm.type_names import close_type, is_report, may_open, meant_type, speaks_of_ticket
from adapters.crm.wire import TYPES, About, CrmEnvelope, known_fields, part_of, unknown_fields
from adapters.webhook_signature import ID, TIMESTAMP, signed_at
from bus.domain.commands import OpenTicket, Request
from bus.domain.errors import MalformedInput
from bus.domain.naming import nearest
from bus.domain.simplified import simplified
from bus.domain.terms import TraceId
from bus.intake.command_bodies import EXAMPLE, OUT_OF_YEARS, within_limits
from bus.intake.command_ids import FIRST_STEP, delivery_command_id
from bus.intake.reserved_names import person_name
from bus.intake.source_adapter import MISSPELLED_TYPE, UNKNOWN_TYPE, Ignored
from bus.wire.json_body import NAME_CHARS_SHOWN, joined, may_hold_unstorable, read_object, refuse_unstorable
from schemas.messages import RequestReceived

IGNORED_SHOWN_MAX: Final = 20
_TICKET_FIELDS: Final = frozenset(
    {"sourceno", "incidentkey", "ticketno", "ticketid", "ticketnumber", "workorderno", "workorderid", "caseno"}
    | {"casenumber", "incidentno", "工单号", "工单编号", "事件唯一标识"}
)
_TYPE_FIELDS: Final = frozenset(
    {"event", "eventtype", "eventname", "topic", "action", "msgtype", "messagetype", "kind"}
)
_EXPECTED: Final[Mapping[str, tuple[str, str]]] = {
    "tuple_type": ("须为 JSON 数组", "must be a JSON array"),
    "model_type": ("须为 JSON 对象", "must be a JSON object"),
    "dict_type": ("须为 JSON 对象", "must be a JSON object"),
    "string_type": ("须为字符串", "must be a string"),
    "not_a_time": (f"须为带时区的 RFC 3339 时间,如 {EXAMPLE}", f"must be an RFC 3339 time with offset, like {EXAMPLE}"),
    "out_of_years": (f"的{OUT_OF_YEARS.zh}", OUT_OF_YEARS.en),
}
M = TypeVar("M", bound=BaseModel)


def translate(received: RequestReceived, ignore_types: Collection[str] = ()) -> tuple[Request, ...]:
    """Say what a delivery wants: one request, addressed by the CRM's own number.

    `ignore_types`, in lower case: words for a type that ask for nothing here though they speak of a ticket.

    It happened at the body's `timestamp`, without one when the delivery was signed.
    The command id is derived from the delivery id, so a repeat has no second effect. Raises MalformedInput, its field a
    JSON path into the body, and Ignored for a type that asks for nothing here.
    """
    raw = read_object(received.body, "$", foreign=True)
    unstorable = may_hold_unstorable(received.body)
    if unstorable:
        refuse_unstorable({"type": raw.get("type")}, "$")
    model = _model(raw, ignore_types)
    envelope = read_model(CrmEnvelope, raw, "$")
    if unstorable:
        known = known_fields(CrmEnvelope, raw) | {"data": known_fields(model, envelope.data)}
        refuse_unstorable(known, "$")
    about: About = read_model(model, envelope.data, "$.data")
    command = within_limits(about.command(), "$.data")
    unknown = [*unknown_fields(CrmEnvelope, raw, "$"), *unknown_fields(model, envelope.data, "$.data")]
    return (
        Request(
            command_id=delivery_command_id(received.source, received.delivery_id, FIRST_STEP),
            command=command,
            source=received.source,
            actor=person_name(within_limits(about.by, "$.data.by"), "$.data.by") or received.source,
            at=envelope.timestamp or signed_at(received.headers) or received.received_at,
            received_at=received.received_at,
            trace_id=TraceId(received.trace_id),
            fingerprint=hashlib.sha256(received.body).hexdigest(),
            source_no="" if isinstance(command, OpenTicket) else within_limits(about.source_no, "$.data.source_no"),
            key_field=ID,
            sent_in="$.data",
            sent_at="$.timestamp" if envelope.timestamp else TIMESTAMP,
            ignored=tuple(map(_printable, islice(unknown, IGNORED_SHOWN_MAX))),
        ),
    )


def _model(raw: Mapping[str, Any], ignore_types: Collection[str]) -> type[About]:
    """Give the model of a body's type, which the envelope refuses if it is no text.

    Raises Ignored for a body that asks for nothing here: it has no type or a foreign one, and names no ticket, like a
    ping. Raises MalformedInput for one about a ticket whose word is none of ours.
    """
    word = raw.get("type")
    if word is None or (isinstance(word, str) and not word.strip()):
        if not raw or _names_ticket(raw) or any(_may_be_type(name, value) for name, value in raw.items()):
            return About
        zh = "已收到，不处理：没有消息类型，也没有工单内容"
        raise Ignored("no_type", "$.type", zh, "taken without effect: no delivery type, and nothing about a ticket")
    if not isinstance(word, str):
        return About
    known = TYPES.get(word.strip().lower())
    if known is None:
        raise _no_such_type(word.strip(), raw, ignore_types)
    return known


def _no_such_type(word: str, raw: Mapping[str, Any], ignore_types: Collection[str]) -> MalformedInput:
    """Say what is wrong with a word that is none of our types: foreign, misspelled, or another word for a ticket's."""
    shown = _printable(word[:NAME_CHARS_SHOWN])
    ignored = word.lower() in ignore_types
    if not ignored and (meant := meant_type(word)):
        zh = f"没有消息类型“{shown}”，是否指“{meant}”？"
        en = f"there is no delivery type {shown!r}; did you mean {meant!r}?"
        return MalformedInput(MISSPELLED_TYPE, "$.type", zh, en, nearest=meant)
    zh, en = f"没有消息类型“{shown}”", f"there is no delivery type {shown!r}"
    zh_known, en_known = f"可用:{'、'.join(TYPES)}", f"Known are {', '.join(TYPES)}"
    reports = may_open(word) and is_report([*_field_names(raw)])
    if ignored or not (reports or speaks_of_ticket(word) or _names_ticket(raw)):
        return Ignored(
            UNKNOWN_TYPE, "$.type", f"已收到,不处理:{zh}。{zh_known}", f"taken without effect: {en}. {en_known}"
        )
    close = close_type(word)
    if close:
        zh, en = f"{zh},是否指“{close}”", f"{en}; did you mean {close!r}"
    zh = f"{zh}。{zh_known}。无需处理的类型请写入来源选项 ignore_types"
    en = f"{en}. {en_known}. A type that nobody needs goes into the source's option ignore_types"
    return MalformedInput(UNKNOWN_TYPE, "$.type", zh, en, nearest=close)


def _names_ticket(raw: Mapping[str, Any]) -> bool:
    """Say whether a body names a ticket, whatever its type: `source_no`, `sourceNo`, 工单号."""
    names = (simplified(name.replace("_", "").replace("-", "").casefold()) for name in _field_names(raw))
    return not _TICKET_FIELDS.isdisjoint(names)


def _field_names(raw: Mapping[str, Any]) -> Iterator[str]:
    """Give the names of what is not null in a body, up to two objects deep."""
    parts = [raw, *(one for one in raw.values() if isinstance(one, Mapping))]
    parts += [inner for one in parts[1:] for inner in one.values() if isinstance(inner, Mapping)]
    return (str(name) for part in parts for name, value in part.items() if value is not None)


def _may_be_type(name: str, value: object) -> bool:
    """Say whether a field is a type of ours, or one of a ticket's under another name: `"event": "case.new"`."""
    if not isinstance(value, str):
        return False
    named = name.replace("_", "").casefold() in _TYPE_FIELDS
    return bool(meant_type(value)) or (named and speaks_of_ticket(value))


def _printable(text: str) -> str:
    return text if text.isprintable() else repr(text)[1:-1]


def read_model(model: type[M], raw: Mapping[str, Any], path: str) -> M:
    """Read a part of a body. Pure. Raises MalformedInput that names the field by its path."""
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        raise _malformed(model, raw, error.errors(include_url=False, include_input=False)[0], path) from None


def _malformed(model: type[BaseModel], raw: Mapping[str, Any], error: ErrorDetails, path: str) -> MalformedInput:
    where = path
    for part in error["loc"]:
        where = f"{where}[{part}]" if isinstance(part, int) else joined(where, part)
    if error["type"] == "missing":
        close = _misspelled(model, raw, [str(part) for part in error["loc"]])
        zh, en = (f";有“{close}”,是不是写错了?", f"; there is {close!r}: is it meant?") if close else ("", "")
        return MalformedInput("missing", where, f"缺少字段“{where}”{zh}", f"{where} is missing{en}", misspelled=close)
    if error["type"] == "string_too_long":
        most = error["ctx"]["max_length"]
        return MalformedInput(
            "too_long", where, f"“{where}”超过 {most} 个字符", f"{where} is longer than {most} characters"
        )
    if error["type"] in _EXPECTED:
        zh, en = _EXPECTED[error["type"]]
        return MalformedInput("wrong_value", where, f"字段“{where}”{zh}", f"{where} {en}")
    return MalformedInput("wrong_value", where, f"字段“{where}”的值不合要求:{error['msg']}", f"{where}: {error['msg']}")


def _misspelled(model: type[BaseModel], raw: Mapping[str, Any], path: Sequence[str]) -> str:
    """Find the unknown field that stands beside a missing one and is spelled most like it, or nothing."""
    *outer, name = path
    for part in outer:
        model, raw = part_of(model, part) or model, raw[part]
    unknown = [_printable(one[:NAME_CHARS_SHOWN]) for one in raw if one not in model.model_fields]
    return nearest(name, unknown)
