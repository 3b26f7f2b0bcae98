"""Reading a map: every fault at once, each with its line and column in the file. Pure."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import ValidationError

from adapters.map_faults import reason
from adapters.mapped.map_file import MODELS, SourceMap
from adapters.mapping.field_values import FieldValue, values_in, word_is_no_path
from bus.config_file import OnceLoader
from bus.domain.commands import OpenTicket
from bus.domain.errors import BusError
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.intake.command_bodies import COMMANDS

BYTES_MAX: Final = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class MapFault:
    """One fault of a map: where it stands in the file, from 1, and why. `path` names the key, dotted."""

    line: int
    column: int
    path: str
    why: str

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.path}: {self.why}"


class SourceMapInvalid(BusError):
    """A map cannot be used; each of `faults` has its place."""

    def __init__(self, where: str, faults: Sequence[MapFault]) -> None:
        super().__init__("\n".join(f"{where}:{one}" for one in faults))
        self.faults = tuple(faults)


class _TextLoader(OnceLoader):
    """Reads words as they are written, but for true, false and numbers: `no`, `on` and 2026-01-01 are texts."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - PyYAML's own
        **{one: [("tag:yaml.org,2002:int", re.compile(r"^-?(0|[1-9][0-9]*)$"))] for one in "-0123456789"},
        "t": [("tag:yaml.org,2002:bool", re.compile(r"^true$"))],
        "f": [("tag:yaml.org,2002:bool", re.compile(r"^false$"))],
        "n": [("tag:yaml.org,2002:null", re.compile(r"^null$"))],
        "": [("tag:yaml.org,2002:null", re.compile(r"^$"))],
        "<": [("tag:yaml.org,2002:merge", re.compile(r"^<<$"))],
    }


def read_map(content: str, where: str = "map", ticket_types: Collection[str] | None = None) -> SourceMap:
    """Read and check a map. Raises SourceMapInvalid with every fault and its place. Pure.

    `ticket_types`: those of the SLA file, None where they are not known here.
    """
    if len(content.encode("utf-8", "replace")) > BYTES_MAX:
        raise SourceMapInvalid(where, [_whole(Text(f"超过 {BYTES_MAX} 字节", f"is longer than {BYTES_MAX} bytes"))])
    try:
        node = yaml.compose(content, _TextLoader)
        mapped = SourceMap.model_validate(yaml.load(content, _TextLoader))  # noqa: S506 - it is a safe one
    except ValidationError as error:
        raise SourceMapInvalid(where, _faults(error, node)) from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        why = str(Text(f"不是正确的 YAML:{error.problem}", f"not proper YAML: {error.problem}"))
        raise SourceMapInvalid(where, [MapFault(line=line, column=column, path="YAML", why=why)]) from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise SourceMapInvalid(where, [_whole(Text("不是 UTF-8 的 YAML", "is not YAML in UTF-8"))]) from None
    faults = [*_word_faults(mapped, node), *_type_faults(mapped, node, ticket_types)]
    if faults:
        raise SourceMapInvalid(where, faults)
    return mapped


def _whole(why: Text) -> MapFault:
    return MapFault(line=1, column=1, path="文件 file", why=str(why))


def _faults(error: ValidationError, node: yaml.Node | None) -> Sequence[MapFault]:
    found = error.errors()
    places = [one["loc"] for one in found]
    # Of a list, items that were refused are missing in pydantic's count.
    counted = (
        one
        for one in found
        if one["type"] != "too_short" or not any(each[:-1] == one["loc"] for each in places if each)
    )
    return sorted((_fault(node, one) for one in counted), key=lambda one: (one.line, one.column))


def _fault(node: yaml.Node | None, error: Mapping[str, Any]) -> MapFault:
    path, mark = _place(node, error["loc"])
    why = reason(error["type"], error["msg"], error.get("ctx", {}))
    if error["type"] == "extra_forbidden":
        why = str(Text(f"没有“{error['loc'][-1]}”这一项", f"there is no key {error['loc'][-1]!r} here"))
    return _at(path, mark, why)


def _at(path: Sequence[str], mark: yaml.Mark | None, why: str) -> MapFault:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return MapFault(line=line, column=column, path=".".join(path) or "文件 file", why=why)


def _place(node: yaml.Node | None, loc: Sequence[str | int]) -> tuple[Sequence[str], yaml.Mark | None]:
    """Follow a path into the file as far as it goes; a step that is pydantic's own (a tag, a union) is passed over."""
    path, mark = list[str](), node.start_mark if node else None
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
                continue
            (key, node), *_ = found
            mark = key.start_mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            continue
        path.append(str(step))
    missing = str(loc[-1]) if loc and (not path or path[-1] != str(loc[-1])) and isinstance(loc[-1], str) else ""
    return [*path, *([missing] if missing and missing not in MODELS else [])], mark


def _word_faults(mapped: SourceMap, node: yaml.Node | None) -> Sequence[MapFault]:
    """Find names of tables that the map has not."""
    faults = list[MapFault]()
    for loc, value in values_in(mapped):
        if isinstance(value.words, str) and value.words not in mapped.words:
            close = did_you_mean(nearest(value.words, mapped.words), quoted=True)
            zh, en = f"words 里没有表“{value.words}”", f"`words` has no table {value.words!r}"
            faults.append(_at(*_place(node, (*loc, "words")), str(Text(f"{zh}{close.zh}", f"{en}{close.en}"))))
    return faults


def _type_faults(mapped: SourceMap, node: yaml.Node | None, ticket_types: Collection[str] | None) -> Sequence[MapFault]:
    """Find ticket types that the SLA file has not, as far as the map itself names them."""
    if ticket_types is None:
        return ()
    faults = list[MapFault]()
    for index, one in enumerate(mapped.commands):
        if COMMANDS[one.command] is not OpenTicket:
            continue
        value: FieldValue = one.fields.type
        if value.from_ is not None and value.from_.text in ticket_types:
            place = _place(node, ("commands", index, "fields", "type"))
            faults.append(_at(*place, str(word_is_no_path(value.from_.text))))
        table = mapped.words.get(value.words, {}) if isinstance(value.words, str) else (value.words or {})
        for word in filter(None, (value.value, value.default, *table.values())):
            if word not in ticket_types:
                close = did_you_mean(nearest(word, ticket_types), quoted=True)
                zh, en = f"没有工单类型“{word}”{close.zh}", f"there is no ticket type {word!r}{close.en}"
                faults.append(_at(*_place(node, ("commands", index, "fields", "type")), str(Text(zh, en))))
    return faults
