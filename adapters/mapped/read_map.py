"""Reading a map: every fault at once, each with its line and column in the file. Pure."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml
from pydantic import ValidationError

from adapters.map_faults import reason
from adapters.mapped.map_file import MODELS, SourceMap
from adapters.mapping.field_values import no_table, word_is_no_path
from adapters.yaml_places import place_in
from bus.config_file import OnceLoader
from bus.domain.commands import OpenTicket
from bus.domain.errors import BusError
from bus.domain.naming import did_you_mean, nearest
from bus.domain.text import Text
from bus.intake.command_bodies import COMMANDS

BYTES_MAX: Final = 262_144
_OF_A_UNION: Final = ("union_tag_invalid", "union_tag_not_found")


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
        given = yaml.load(content, _TextLoader)  # noqa: S506 - it is a safe one
        faults = [*_word_faults(given, node), *_type_faults(given, node, ticket_types)]
        mapped = SourceMap.model_validate(given)
    except ValidationError as error:
        faults += _faults(error, node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        why = str(Text(f"不是正确的 YAML:{error.problem}", f"not proper YAML: {error.problem}"))
        raise SourceMapInvalid(where, [MapFault(line=line, column=column, path="YAML", why=why)]) from None
    except (yaml.YAMLError, RecursionError, ValueError):
        raise SourceMapInvalid(where, [_whole(Text("不是 UTF-8 的 YAML", "is not YAML in UTF-8"))]) from None
    if faults:
        raise SourceMapInvalid(where, sorted(faults, key=lambda one: (one.line, one.column)))
    return mapped


def fault_at(content: str, loc: Sequence[str | int], why: Text) -> MapFault:
    """Give a fault of a map that can be read, with its place. Pure."""
    return _at(*_place(yaml.compose(content, _TextLoader), loc), str(why))


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
    return [_fault(node, one) for one in counted]


def _fault(node: yaml.Node | None, error: Mapping[str, Any]) -> MapFault:
    context = error.get("ctx", {})
    of_union = [context["discriminator"].strip("'")] if error["type"] in _OF_A_UNION else []
    path, mark = _place(node, (*error["loc"], *of_union))
    why = reason(error["type"], error["msg"], context)
    if error["type"] == "extra_forbidden":
        why = str(Text(f"没有“{error['loc'][-1]}”这一项", f"there is no key {error['loc'][-1]!r} here"))
    return _at(path, mark, why)


def _at(path: Sequence[str], mark: yaml.Mark | None, why: str) -> MapFault:
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return MapFault(line=line, column=column, path=".".join(path) or "文件 file", why=why)


def _place(node: yaml.Node | None, loc: Sequence[str | int]) -> tuple[Sequence[str], yaml.Mark | None]:
    """Give a path as the file has it, with the key that is missing there, and where that is."""
    path, mark = place_in(node, loc)
    missing = str(loc[-1]) if loc and (not path or path[-1] != str(loc[-1])) and isinstance(loc[-1], str) else ""
    return [*path, *([missing] if missing and missing not in MODELS else [])], mark


def _word_faults(given: object, node: yaml.Node | None) -> Iterator[MapFault]:
    """Find names of tables that the map has not; it may be wrong elsewhere."""
    if not isinstance(given, Mapping):
        return
    tables = given.get("words")
    known = [str(one) for one in tables] if isinstance(tables, Mapping) else []
    for loc, named in _tables_named({key: value for key, value in given.items() if key != "words"}):
        if named not in known:
            yield _at(*_place(node, loc), str(no_table(named, known)))


def _tables_named(given: object) -> Iterator[tuple[Sequence[str | int], str]]:
    """Give every name that stands under a key `words`, with its place; what YAML aliases repeat is looked at once."""
    seen, waiting = set[int](), list[tuple[Sequence[str | int], object]]([((), given)])
    while waiting:
        loc, one = waiting.pop()
        if not isinstance(one, Mapping | list) or id(one) in seen:
            continue
        seen.add(id(one))
        inner = one.items() if isinstance(one, Mapping) else enumerate(one)
        for key, value in inner:
            if key == "words" and isinstance(value, str):
                yield (*loc, key), value
            else:
                waiting.append(((*loc, key if isinstance(key, int) else str(key)), value))


def _type_faults(given: object, node: yaml.Node | None, ticket_types: Collection[str] | None) -> Iterator[MapFault]:
    """Find ticket types that the SLA file has not, as far as the map itself names them; it may be wrong elsewhere."""
    match given:
        case {"commands": list(commands), **rest} if ticket_types is not None:
            tables = rest.get("words")
        case _:
            return
    for index, one in enumerate(commands):
        match one:
            case {"command": str(name), "fields": {"type": of_type}} if COMMANDS.get(name) is OpenTicket:
                place = _place(node, ("commands", index, "fields", "type"))
                for why in _wrong_types(of_type, tables if isinstance(tables, Mapping) else {}, ticket_types):
                    yield _at(*place, str(why))


def _wrong_types(of_type: object, tables: Mapping[Any, Any], ticket_types: Collection[str]) -> Iterator[object]:
    value = of_type if isinstance(of_type, Mapping) else {"from": of_type}
    path = value.get("from")
    if isinstance(path, str) and path in ticket_types:
        yield word_is_no_path(path)
    words = value.get("words")
    table = tables.get(words) if isinstance(words, str) else words
    named = [value.get("value"), value.get("default"), *(table.values() if isinstance(table, Mapping) else ())]
    for word in named:
        if isinstance(word, str) and word not in ticket_types:
            close = did_you_mean(nearest(word, ticket_types), quoted=True)
            yield Text(f"没有工单类型“{word}”{close.zh}", f"there is no ticket type {word!r}{close.en}")
