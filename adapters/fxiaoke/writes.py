"""Events into writes of records, by the options' expressions. Pure; only DeliveryFailed leaves it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from adapters.fxiaoke.options import FxiaokeOptions, FxiaokeWrite
from adapters.fxiaoke_api import wire
from adapters.mapping.event_document import document_of
from adapters.mapping.event_rules import takes
from adapters.mapping.sent_values import ABSENT, SentValue, Tables
from bus.delivery.target import Call, DeliveryFailed, FailureKind
from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.domain.ticket import Ticket

_ID_CHARS_MAX: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """One write, ready to be sent. `record`: the id of the record that is changed, empty where one is created.

    `key_field`: where a created record holds the call's key.
    """

    object: str
    record: str
    key_field: str
    body: Mapping[str, Any] = field(repr=False)

    @property
    def path(self) -> str:
        """Give the path that it is sent to."""
        return wire.path(self.object, "update" if self.record else "create")


def written(options: FxiaokeOptions, call: Call, ticket: Ticket) -> Written | None:
    """Give what an event becomes, None where no write takes it. Raises DeliveryFailed: it has no form there."""
    document = document_of(call, ticket)
    for number, one in enumerate(options.writes):
        place = f"writes.{number}"
        try:
            if takes(one, document):
                return _written(one, place, document, options.words)
        except MalformedInput as error:
            raise _no_form(place, error.code, f"{error.field}: {error.zh} / {error.en}") from None
    return None


def _written(one: FxiaokeWrite, place: str, document: Mapping[str, Any], tables: Tables) -> Written:
    values = {
        name: sent for name, value in one.fields.items() if (sent := _sent(value, document, tables)) is not ABSENT
    }
    if one.id is None:
        key_field = one.key_field or ""
        body = wire.change(one.object, {**values, key_field: document["key"]})
        return Written(object=one.object, record="", key_field=key_field, body=body)
    record = one.id.read(document, tables)
    if not isinstance(record, str) or not record.strip() or len(record) > _ID_CHARS_MAX:
        raise _no_form(f"{place}.id", "missing", "")
    body = wire.change(one.object, {wire.ID: record, **values})
    return Written(object=one.object, record=record, key_field="", body=body)


def _sent(value: SentValue, document: Mapping[str, Any], tables: Tables) -> Any:
    """Give a value as fields want it: a number as a text, a time as the number that it is written as."""
    return _texts(value.read(document, tables)) if value.time is None else value.read(document, tables)


def _texts(sent: Any) -> Any:
    match sent:
        case bool():
            return sent
        case int() | float():
            return str(sent)
        case Sequence() if not isinstance(sent, str):
            return [_texts(one) for one in sent]
        case _:
            return sent


def _no_form(place: str, code: str, message: str) -> DeliveryFailed:
    detail = Text(f"{place}:此事件无法按配置写入", f"{place}: there is no form for this event")
    return DeliveryFailed(FailureKind.UNTRANSLATABLE, detail, code=code, message=message)
