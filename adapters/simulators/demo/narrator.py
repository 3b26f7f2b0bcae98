"""Prints the demo in two languages, Chinese first; works without a terminal."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.text import Text


class DemoFailed(Exception):
    """The story did not go as it must; the text says which part."""


class Narrator:
    """Writes line by line. Nothing of it is cut or wrapped, so that a log keeps whole lines."""

    def __init__(self, console: Console) -> None:
        """Write to that console."""
        self._console = console
        self._steps = 0

    def step(self, zh: str, en: str, where: str) -> None:
        """Begin a step: what happens, and along which parts."""
        self._steps += 1
        self._print(Text(f"\n{self._steps}. {zh}", style="bold"))
        self._print(Text(f"   {en}", style="dim"))
        self._print(Text(f"   ↳ {where}", style="cyan"))

    def fact(self, zh: str, en: str = "") -> None:
        """Say one thing that came of it."""
        self._print(Text("   ✓ ", style="green").append(zh, style="default"))
        if en:
            self._print(Text(f"     {en}", style="dim"))

    def refusal(self, problem: Mapping[str, Any]) -> None:
        """Show how the bus says no."""
        code = problem.get("code", problem.get("status", ""))
        self._print(Text("   ✗ ", style="yellow").append(f"[{code}] {problem.get('detail', '')}", style="default"))
        self._print(Text(f"     {problem.get('detail_en', '')}", style="dim"))

    def row(self, *cells: tuple[str, int]) -> None:
        """Write cells, each padded to its width; a Chinese character takes two columns."""
        self._print(Text("     " + " ".join(_padded(text, width) for text, width in cells).rstrip()))

    def expect(self, kept: bool, zh: str, en: str, seen: object = "") -> None:
        """Go on if it is as it must be. Raises DemoFailed."""
        if not kept:
            raise DemoFailed(f"第 {self._steps} 步未达预期:{zh} / step {self._steps}: {en}; seen: {seen}")

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True, highlight=False)


def _padded(text: str, width: int) -> str:
    columns = sum(2 if unicodedata.east_asian_width(each) in "WF" else 1 for each in text)
    return text + " " * max(width - columns, 0)
