"""The report of a run: a table on the terminal, and the same between two marks of a document."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from bench.figure import COLUMNS, Figure, cells

_WHAT: Final = "measured"  # between its marks stands the whole table; a part's, after the suites that it names, apart


def show(figures: Sequence[Figure], machine: Sequence[str]) -> None:
    """Print the table to stderr, so that stdout is lines of JSON alone."""
    console = Console(stderr=True, width=None if sys.stderr.isatty() else 160)
    table = Table(*COLUMNS, title=" · ".join(machine), title_justify="left", show_lines=True)
    for figure in figures:
        table.add_row(*(one.replace("*", "") for one in cells(figure)))
    console.print(table)


def write(path: Path, figures: Sequence[Figure], machine: Sequence[str], suites: Sequence[str] = ()) -> None:
    """Put the table between the marks of a document, those of these suites if any. Raises ValueError: it has none."""
    text, what = path.read_text(encoding="utf-8"), " ".join((_WHAT, *suites))
    begin, end = f"<!-- {what} -->", f"<!-- end of {what} -->"
    if begin not in text or end not in text:
        raise ValueError(f"{path} has no lines {begin} and {end}")
    before, _, rest = text.partition(begin)
    table = [_row(COLUMNS), _row(["---"] * len(COLUMNS)), *(_row(cells(figure)) for figure in figures)]
    body = "\n".join(["", *(f"- {line}" for line in machine), "", *table, ""])
    path.write_text(before + begin + body + end + rest.partition(end)[2], encoding="utf-8")


def _row(row: Sequence[str]) -> str:
    return "| " + " | ".join(one.replace("|", "\\|") for one in row) + " |"
