"""What is wrong with a map, in people's words: each fault with its place in the file, Chinese first. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError

from bus.domain.naming import no_such
from bus.domain.text import Text

# By pydantic's type of a fault; its own English words follow where none stand here.
_CHINESE: Final[Mapping[str, str]] = {
    "missing": "缺少这一项",
    "union_tag_not_found": "缺少这一项",
    "extra_forbidden": "对照表里没有这一项",
    "string_type": "应为文字",
    "string_too_short": "不能为空",
    "string_too_long": "太长",
    "string_pattern_mismatch": "写法不符合要求",
    "enum": "只能用列出的词",
    "tuple_type": "应为一项或一列",
    "too_short": "至少要有一项",
    "dict_type": "应为“键: 值”",
    "mapping_type": "应为“键: 值”",
    "model_type": "应为“键: 值”",
    "model_attributes_type": "应为“键: 值”",
}
_ENGLISH: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "union_tag_not_found": "is missing",
    "extra_forbidden": "a map has no such key",
    "model_type": "keys with values are meant",
    "tuple_type": "one or a list is meant",
}
_KIND: Final = Text("种类", "kind")
_QUOTED: Final = re.compile("'([^']*)'")


def fault(zh: str, en: str) -> ValueError:
    """Make the error that a check of a map raises."""
    return ValueError(str(Text(zh, en)))


def faults(error: ValidationError) -> str:
    """Name every fault: where it is in the file, and why."""
    return "; ".join(
        f"{'.'.join(map(str, one['loc'])) or '文件 file'}: {reason(one['type'], one['msg'], one.get('ctx', {}))}"
        for one in error.errors()
    )


def reason(kind: str, message: str, context: Mapping[str, Any]) -> str:
    """Say in people's words what pydantic found."""
    if kind == "value_error":
        return str(context["error"])
    if kind == "union_tag_invalid":
        return str(no_such(_KIND, context["tag"], _QUOTED.findall(context["expected_tags"])))
    return str(Text(_CHINESE.get(kind, "不符合要求"), _ENGLISH.get(kind, message)))
