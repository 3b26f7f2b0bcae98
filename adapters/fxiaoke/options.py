"""Options of the target: who calls, and which write each event becomes, by expressions as in every map."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from adapters.expressions import Jmes
from adapters.fxiaoke_api.account import FieldName, FxiaokeAccount, ObjectName
from adapters.http_options import HttpOptions
from adapters.map_faults import fault
from adapters.mapping.field_values import MapPart, Words, refuse_unknown_tables
from adapters.mapping.sent_values import Sent, SentValue
from adapters.time_form import listed
from bus.config_file import EventName
from bus.duration import Duration

WRITES_MAX: Final = 100
_OWN: Final = frozenset({"_id", "dataObjectApiName"})


def _field(name: str) -> str:
    if name in _OWN:
        raise fault(f"{name} 由适配器填写", f"{name} is the adapter's own")
    return name


WrittenField = Annotated[FieldName, AfterValidator(_field)]
EventNames = Annotated[tuple[EventName, ...], BeforeValidator(listed)]


class FxiaokeWrite(MapPart):
    """What an event becomes: the first of `writes` that names it, and whose `when` holds.

    `update`: the object whose record `id` is changed; asked for twice, it is the same record still. `create`: the
    object that gets a new record; `key_field` is a text field of that object, which holds the call's key, so that the
    record is found again. `fields`: what is written; a field without a value is left out.
    """

    events: EventNames = ()
    when: Jmes | None = None
    update: ObjectName | None = None
    id: Sent | None = None
    create: ObjectName | None = None
    key_field: WrittenField | None = None
    fields: Annotated[Mapping[WrittenField, Sent], Field(min_length=1, max_length=200)]

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.update is None) == (self.create is None):
            raise fault("写 update(修改哪个对象)或 create(新建哪个对象)之一", "one of `update` and `create` is meant")
        if (self.update is None) != (self.id is None):
            raise fault("update 须写 id,create 不写", "`update` wants `id`, and `create` has none")
        if (self.create is None) != (self.key_field is None):
            zh = "create 须写 key_field(保存本次调用键的文本字段),update 不写"
            raise fault(zh, "`create` wants `key_field`, the field that holds the call's key, and `update` has none")
        if self.key_field in self.fields:
            raise fault("key_field 由适配器填写,不写在 fields 里", "`key_field` is the adapter's, and none of `fields`")
        if self.update and "owner" in self.fields:
            raise fault(
                "修改接口不能改 owner,请删去", "a change cannot write `owner`: that has an interface of its own"
            )
        return self

    @property
    def object(self) -> str:
        """Give the object that is written."""
        return self.update or self.create or ""

    def values(self) -> Iterator[tuple[str, SentValue]]:
        """Give every value that is sent, with its place."""
        yield from ((f"fields.{name}", one) for name, one in self.fields.items())
        if self.id is not None:
            yield "id", self.id


class FxiaokeOptions(HttpOptions):
    """`lookup_settles`: how long after a creation whose end is unknown a look-up must still find nothing.

    `words`: tables of words that values name.
    """

    account: FxiaokeAccount
    words: Mapping[str, Words] = Field(default_factory=dict)
    writes: Annotated[tuple[FxiaokeWrite, ...], Field(min_length=1, max_length=WRITES_MAX)]
    lookup_settles: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=2)

    @model_validator(mode="after")
    def _tables_are_there(self) -> Self:
        named = (
            (("writes", number, place, "words"), value.words)
            for number, write in enumerate(self.writes)
            for place, value in write.values()
            if isinstance(value.words, str)
        )
        refuse_unknown_tables(named, self.words)
        return self
