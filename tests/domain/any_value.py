"""Strategies for any value of the domain, built from the dataclasses' own types: awkward texts, far times."""

import types
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints
from uuid import UUID

from hypothesis import strategies as st

AWKWARD = ("", " ", "已关闭", "冰箱不制冷❄️", "👩‍🔧", "a\tb\r\nc", '"\\', "é", "\u202e", "'; DROP TABLE events; --")
# Neither Avro nor PostgreSQL takes lone surrogates, and PostgreSQL no NUL: both are refused at the edge by name.
TEXTS = st.sampled_from(AWKWARD) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30
)
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware here
INTS = st.integers(-(2**31), 2**31 - 1)


def anything(cls: type, **own: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give any value of a dataclass; `own` replaces the strategies of fields named."""
    hints = get_type_hints(cls)
    return st.builds(cls, **{one.name: own.get(one.name, of_type(hints[one.name])) for one in fields(cls)})


@cache
def of_type(hint: Any) -> st.SearchStrategy[Any]:
    """Give any value of a type as the domain's dataclasses use them."""
    hint = getattr(hint, "__supertype__", hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return st.one_of([st.none() if arg is type(None) else of_type(arg) for arg in args])
    if origin is tuple:
        return st.lists(of_type(args[0]), max_size=3).map(tuple)
    if origin is not None:
        return st.dictionaries(of_type(args[0]), of_type(args[1]), max_size=3)
    if isinstance(hint, type) and is_dataclass(hint):
        return anything(hint)
    if issubclass(hint, StrEnum):
        return st.sampled_from(list(hint))
    plain: dict[type, st.SearchStrategy[Any]] = {
        str: TEXTS,
        int: INTS,
        bool: st.booleans(),
        bytes: st.binary(max_size=20),
        float: st.floats(allow_nan=False),
        datetime: TIMES,
        UUID: st.uuids(),
    }
    return plain[hint]
