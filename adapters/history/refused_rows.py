"""Rows that an import refuses, and how they are stored: without the cells that a reason quotes. Pure.

A cell may be a customer's name, whatever column the map takes it for; the row itself is stored sealed.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from adapters.history.rows import Row
from adapters.history.translate import trace_of
from bus.domain.errors import Refusal
from bus.domain.terms import State
from bus.wire.rejected_input import RejectedInput, refused_input

GONE: Final = "\u2026"
_QUOTED = re.compile(r"""\u201c([^\u201d]*)\u201d|(?<!\w)'((?:[^'\\]|\\.)*)'|(?<!\w)"((?:[^"\\]|\\.)*)\"""")
_STATES = frozenset(state.zh for state in State)
_SIGNS = frozenset({",", '"', ""})  # what the csv module quotes


class RowRefusal(NamedTuple):
    """What is kept of a refused row, its reason still with the cells that it quotes."""

    input: RejectedInput
    row: Row


def refused_row(refusal: Refusal, row: Row, source: str, number: str, ref: str) -> RowRefusal:
    """Join a row with the reason of its refusal; `ref` tells it from all others of its source."""
    refused = refused_input(
        refusal,
        origin=f"import:{source}",
        origin_ref=ref,
        source=source,
        body=row.raw,
        trace_id=trace_of(source, number),
        headers={"line": str(row.line)},
        heard=True,  # by whoever runs the import
    )
    return RowRefusal(refused, row)


def stored(refused: RowRefusal, words: Collection[str], number: int, encoding: str) -> RejectedInput:
    """Give a refused row as it is stored: with the number of its import, and the encoding that its map names.

    `words` are those of the map and header.
    """
    one, known = refused.input, {*words, refused.input.field}
    zh, en = (without_cells(text, refused.row.values, known) for text in (one.detail_zh, one.detail_en))
    headers = {**one.headers, "import": str(number), "encoding": encoding}
    return replace(one, headers=headers, detail_zh=zh, detail_en=en)


def without_cells(text: str, cells: Sequence[str], words: Collection[str]) -> str:
    """Leave out what a reason quotes, but for `words` and names of states."""
    for cell in {cell.strip() for cell in cells}.difference(words, {""}):
        text = text.replace(f"\u201c{cell}\u201d", f"\u201c{GONE}\u201d").replace(repr(cell), f"'{GONE}'")

    def stripped(found: re.Match[str]) -> str:
        content = next(part for part in found.groups() if part is not None)
        if content in words or content in _SIGNS:
            return found[0]
        parts = (part if part in _STATES else GONE for part in content.split(","))
        return f"{found[0][0]}{','.join(parts)}{found[0][-1]}"

    return _QUOTED.sub(stripped, text)
