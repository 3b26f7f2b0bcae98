"""A source's list of tickets in a file: JSON or CSV in the words of the CRM's list, or a CSV export by its map."""

from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

from adapters.csv_form import CsvForm, trimmed
from adapters.history.map_file import HistoryMap, MapInvalid, RowMeaning
from adapters.history.rows import HistoryUnreadable, Row, open_lines, read_rows
from adapters.history.table import BoundTable
from adapters.history.translate import opening_of
from bus.domain.errors import MalformedInput
from bus.domain.text import Text
from bus.intake.command_bodies import within_limits
from bus.reconcile.source_list import ListedTicket
from bus.wire.json_body import with_texts

JSON_BYTES_MAX: Final = 256 * 1024 * 1024
_NEEDED: Final = ("source_no", "opened_at")
COLUMNS: Final = (
    *_NEEDED, "status", "type", "region", "title", "description", "priority", "serial", "incident_key.kind",
    "incident_key.value", "customer.name", "customer.phone", "customer.address", "product", "batch", "customer_ref",
)  # fmt: skip
"""The columns of a CSV without a map; a name with a dot is a part of an object."""
TicketReader = Callable[[Mapping[str, Any], str], ListedTicket]
"""Reads one ticket of a list, at a path. Raises MalformedInput."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFile:
    """What a file lists, and the columns that nobody reads."""

    tickets: Sequence[ListedTicket]
    unread: Sequence[str] = ()


def read_list_file(path: Path, read_ticket: TicketReader, mapped: HistoryMap | None = None) -> ListFile:
    """Read a whole list; `.gz` too. Raises HistoryUnreadable that names line and field: it can be judged as a whole.

    `read_ticket`: how the source's own words are read, where there is no map.
    `mapped`: how a CSV export is read, one row a ticket. Raises MapInvalid for a map of another kind.
    """
    if mapped and mapped.row is not RowMeaning.TICKET:
        zh, en = (
            "对账的对照表须为一行一张工单(row: ticket)",
            "a list is read by a map of one row a ticket (row: ticket)",
        )
        raise MapInvalid(str(Text(zh, en)))
    with open_lines(path) as (lines, _):
        read = iter(lines)
        first = next(read, b"")
        whole = _chained(first, read)
        if mapped is None and first.removeprefix(BOM_UTF8).lstrip()[:1] in (b"[", b"{"):
            return ListFile(tickets=[_ticket(raw, at, read_ticket) for at, raw in _of_json(whole)])
        header, rows = read_rows(whole, mapped.csv if mapped else CsvForm())
        if mapped:
            table = BoundTable(mapped, header)
            return ListFile(tickets=[_by_map(table, row) for row in _readable(rows)])
        if absent := [name for name in _NEEDED if name not in header]:
            raise HistoryUnreadable(
                f"文件没有列 {'、'.join(absent)};其他列名请用 --map / the file has no columns {', '.join(absent)}; "
                f"it has {', '.join(header)[:300]}: name them {', '.join(COLUMNS)}, or give a map with --map"
            )
        tickets = [_ticket(_nested(header, row.values), f"line {row.line}", read_ticket) for row in _readable(rows)]
        return ListFile(tickets=tickets, unread=[name for name in header if name not in COLUMNS])


def _chained(first: bytes, rest: Iterable[bytes]) -> Iterator[bytes]:
    if first:
        yield first
        yield from rest


def _of_json(lines: Iterable[bytes]) -> Iterator[tuple[str, object]]:
    """Give the tickets of an array, an object with `tickets`, or an object a line, each with its path."""
    parts, size = list[bytes](), 0
    for line in lines:
        size += len(line)
        if size > JSON_BYTES_MAX:
            raise HistoryUnreadable(f"JSON 超过 / the JSON is longer than {JSON_BYTES_MAX:,} bytes")
        parts.append(line if parts else line.removeprefix(BOM_UTF8))
    try:
        content = _parsed(b"".join(parts))
    except orjson.JSONDecodeError as error:
        content = _of_json_lines(parts, error)
    match content:
        case {"tickets": [*tickets]} | [*tickets]:
            for number, raw in enumerate(tickets):
                yield f"$[{number}]", raw
        case {"source_no": _}:
            yield "$", content
        case _:
            raise HistoryUnreadable("JSON 中没有工单数组 / the JSON is no array of tickets, and has none in `tickets`")


def _of_json_lines(lines: Sequence[bytes], error: orjson.JSONDecodeError) -> list[Any]:
    try:
        return [_parsed(line) for line in lines if line.strip()]
    except orjson.JSONDecodeError:
        raise HistoryUnreadable(
            f"文件不是合法的 JSON / the file is not JSON: {error.msg}, line {error.lineno}"
        ) from None


def _parsed(content: bytes) -> Any:
    """Parse strictly, then with numbers as the texts that are meant. Raises orjson.JSONDecodeError."""
    orjson.loads(content)
    try:
        return with_texts(content)
    except RecursionError:
        raise orjson.JSONDecodeError("nested too deeply", content.decode(), 0) from None


def _readable(rows: Iterable[Row]) -> Iterator[Row]:
    for row in rows:
        if row.fault:
            raise _at_line(row, row.fault)
        if not row.empty:
            yield row


def _nested(header: Sequence[str], values: Sequence[str]) -> dict[str, Any]:
    """Give a row as an object: the column `customer.name` is the field `name` of `customer`."""
    nested: dict[str, Any] = {}
    for name, value in zip(header, values, strict=True):
        if name in COLUMNS and (cell := trimmed(value)):
            outer, dot, inner = name.partition(".")
            if dot:
                nested.setdefault(outer, {})[inner] = cell
            else:
                nested[outer] = cell
    return nested


def _ticket(raw: object, path: str, read_ticket: TicketReader) -> ListedTicket:
    if not isinstance(raw, Mapping):
        raise HistoryUnreadable(f"{path}: 须为 JSON 对象 / must be a JSON object")
    try:
        return read_ticket(raw, path)
    except MalformedInput as refused:
        raise HistoryUnreadable(str(refused.text)) from None


def _by_map(table: BoundTable, row: Row) -> ListedTicket:
    try:
        number = within_limits(table.number_of(row.values), "source_no")
        at = table.opened_at(row.values)
        if at is None:
            raise table.missing(table.map.columns.opened_at or "opened_at")
        fields = {"state": table.seen(row.values).state.value, "region": table.region(row.values)}
        opening = within_limits(opening_of(table, row))
    except MalformedInput as refused:
        raise _at_line(row, refused) from None
    given = {name: value for name, value in fields.items() if value}
    return ListedTicket(number=number, at=at, fields=given, opening=opening)


def _at_line(row: Row, refused: MalformedInput) -> HistoryUnreadable:
    text = Text(f"第 {row.line} 行“{refused.field}”:{refused.zh}", f"line {row.line}, {refused.field}: {refused.en}")
    return HistoryUnreadable(str(text))
