"""What a field of a JSON body should have been, in words for who sent it. Pure."""

from collections.abc import Mapping
from typing import Final

from bus.domain.text import Text

_WHOLE: Final = Text("整数", "a whole number")
_NUMBER: Final = Text("数字", "a number")
_LIST: Final = Text("列表", "a list")
_OBJECT: Final = Text("对象(名称和值)", "an object of names and values")
_TIME: Final = Text("带时区的时间,如 2026-11-28T08:00:00+08:00", "a time with its zone, as 2026-11-28T08:00:00+08:00")
_WANTED: Final[Mapping[str, Text]] = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "string_type": Text("文本", "a text"),
    "bool_type": Text("true 或 false", "true or false"),
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "dataclass_type": _OBJECT,
    "datetime_type": _TIME,
    "datetime_parsing": _TIME,
    "datetime_from_date_parsing": _TIME,
    "timezone_aware": _TIME,
}


def wrong_type(field: str, kind: str, text: str) -> Text:
    """Say what a field wants, by the kind of pydantic's error; of a kind without words, what pydantic says."""
    wanted = _WANTED.get(kind)
    if wanted is None:
        return Text(f"“{field}”类型不对", f"{field}: {text}")
    return Text(f"“{field}”须为{wanted.zh}", f"{field} must be {wanted.en}")
