"""JMESPath over documents of other systems: checked when a map is read, and bounded by the document's size.

jmespath is the specification's own library. What an expression costs must follow from it and the document's size alone:
a document may be an attacker's. Nothing of the language refers back to the whole document, so that only two things
multiply: selections, which are counted, and a separator that comes from the document, which is refused. How many
expressions a map reads of how many documents is the map's: together they have a limit of CPU, `bounded`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from time import thread_time
from typing import Annotated, Any, Final

import jmespath
from jmespath.exceptions import JMESPathError, JMESPathTypeError
from pydantic import GetPydanticSchema
from pydantic_core import core_schema

from adapters.map_faults import fault
from bus.domain.errors import MalformedInput
from bus.domain.naming import did_you_mean, nearest

LENGTH_MAX: Final = 500
COPIES_MAX: Final = 100  # how often selections may multiply a document
CPU_S_MAX: Final = 2.0  # of one delivery, or one page of a list
_PLAIN: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*){0,9}")
_PIPE: Final = re.compile(r"(?<!\|)\|(?!\|)")
_SELECTIONS: Final = ("multi_select_list", "multi_select_dict")
_FUNCTIONS: Final = tuple(sorted(jmespath.functions.Functions.FUNCTION_TABLE))

_ends_at: ContextVar[float] = ContextVar("ends_at", default=math.inf)


@contextmanager
def bounded() -> Iterator[None]:
    """Let what is read within take CPU_S_MAX of this thread together; the expression after that is refused."""
    outer = _ends_at.set(thread_time() + CPU_S_MAX)
    try:
        yield
    finally:
        _ends_at.reset(outer)


class Expression:
    """One expression. `text` is how the map has it; `path` names in refusals where in a document it reads."""

    __slots__ = ("_names", "_parsed", "path", "text")

    def __init__(self, text: str) -> None:
        """Check and parse it. Raises ValueError, in words, for one that is none or could multiply a document."""
        if len(text) > LENGTH_MAX:
            raise fault(f"表达式超过 {LENGTH_MAX} 个字符", f"the expression is longer than {LENGTH_MAX} characters")
        plain = _PLAIN.fullmatch(text) and text not in ("true", "false", "null")
        self.text, self.path = text, f"$.{text}" if plain else text
        self._names = tuple(text.split(".")) if plain else ()
        self._parsed = _parsed(text)

    def read(self, document: Any) -> Any:
        """Give what stands there, None where nothing does. Raises MalformedInput where the document does not fit."""
        if self._names:  # the commonest kind; about a tenth of what the interpreter takes
            for name in self._names:
                if not isinstance(document, dict):
                    return None
                document = document.get(name)
            return document
        if thread_time() > _ends_at.get():
            zh = f"对照表处理这一份投递超过 {CPU_S_MAX:g} 秒:请简化表达式,或让来源分批发送"
            en = f"the map takes more than {CPU_S_MAX:g} s of CPU for it: simplify it, or send less at once"
            raise MalformedInput("too_much", self.path, zh, en)
        try:
            return self._parsed.search(document)
        except (JMESPathError, TypeError, ValueError, ArithmeticError, RecursionError, AttributeError) as error:
            words = _without_values(error)
            zh = f"表达式“{self.text}”不适用于此文档:{words}。若缺少某个字段,用 not_null(字段, '') 给出缺省值"
            en = f"{self.text!r} does not fit this document: {words}; where a field may be absent, not_null(field, '')"
            if _PIPE.search(self.text):  # all that follows reads what stands before it: a || in it, too
                zh += "。| 之后只读得到它前面的结果,要用文档的字段,写作 (a | [0]) || b"
                en += "; behind | only what stands before it is read: for fields of the document write (a | [0]) || b"
            raise MalformedInput("expression_failed", self.path, zh, en) from None

    def holds(self, document: Any) -> bool:
        """Say whether it is true of a document, by JMESPath's rules: empty texts, lists, objects and null are not."""
        found = self.read(document)
        return not (found is None or found is False or (found in ("", [], {}) and not isinstance(found, int | float)))

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Expression) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def _without_values(error: Exception) -> str:
    """Say what does not fit without the document's own values, which may be personal."""
    if isinstance(error, JMESPathTypeError):
        return f"{error.function_name}() takes {', '.join(error.expected_types)}, not {error.actual_type}"
    return type(error).__name__


def _parsed(text: str) -> Any:
    try:
        parsed = jmespath.compile(text)
    except JMESPathError as error:
        why = " ".join(str(error).split())[:200]
        raise fault(f"不是 JMESPath 表达式:{why}", f"not a JMESPath expression: {why}") from None
    except (RecursionError, ValueError):
        raise fault("不是 JMESPath 表达式", "not a JMESPath expression") from None
    nodes = tuple(_nodes(parsed.parsed))
    copies = math.prod(len(node["children"]) for node in nodes if node["type"] in _SELECTIONS)
    if copies > COPIES_MAX:
        zh = f"其中的选择 […] 和 {{…}} 合起来会把文档放大 {copies} 倍,最多 {COPIES_MAX} 倍"
        raise fault(zh, f"its selections […] and {{…}} multiply a document by {copies}; {COPIES_MAX} is the most")
    for node in nodes:
        if node["type"] == "function_expression":
            _check_function(node)
        if node["type"] == "subexpression" and node["children"][0]["type"] == "not_expression":
            # JMESPath reads !a.b as (!a).b, which is nothing, whatever the document.
            raise fault("! 只作用于第一个名称:写作 !(a.b)", "! is of the first name alone: write !(a.b) for !a.b")
    return parsed


def _check_function(node: Mapping[str, Any]) -> None:
    name, arguments = node["value"], node["children"]
    if name not in _FUNCTIONS:
        meant = did_you_mean(nearest(name, _FUNCTIONS))
        raise fault(f"没有函数 {name}(){meant.zh}", f"there is no function {name}(){meant.en}")
    if name == "join" and arguments and arguments[0]["type"] != "literal":
        raise fault("join 的分隔符须写明,如 join(' ', …)", "the separator of join is written out, as in join(' ', …)")


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting += one.get("children", ())


def _expression(text: object) -> Expression:
    if isinstance(text, Expression):
        return text
    if not isinstance(text, str) or not text.strip():
        raise fault("应为 JMESPath 表达式(文字)", "an expression is meant, a text in JMESPath")
    return Expression(text.strip())


# As a field of a map: a text there, an Expression here.
Jmes = Annotated[
    Expression, GetPydanticSchema(lambda _source, _handler: core_schema.no_info_plain_validator_function(_expression))
]
