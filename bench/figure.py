"""A figure, whether it meets its goal, and the ways it is told: a line of JSON, a row of a table."""

import json
import re
from dataclasses import asdict, dataclass
from typing import Final

_BOUND: Final = re.compile(r"([≥≤]) ([\d,.]+)(×?)")
COLUMNS: Final = ("figure", "value", "beside", "ratio", "goal", "met", "what limits it")


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """`against` names the bare limit with its value, `ratio` is value over limit, `note` says what limits the value.

    A goal is one bound or several with "or" between them; × is a bound of the ratio: "≥ 10,000 or ≥ 0.3×".
    """

    name: str
    value: float
    unit: str
    against: str = ""
    ratio: float | None = None
    goal: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Judge the figure by its goal; None without a goal."""
        bounds = _BOUND.findall(self.goal)
        assert bounds or not self.goal, f"a goal without a bound: {self.goal}"
        return any(self._within(*bound) for bound in bounds) if bounds else None

    def _within(self, sign: str, number: str, times: str) -> bool:
        bound, measured = float(number.replace(",", "")), self.ratio if times else self.value
        assert measured is not None, f"{self.name} has a bound of the ratio and no ratio"
        return measured >= bound if sign == "≥" else measured <= bound


def json_line(figure: Figure) -> str:
    """Say the figure as one line of JSON."""
    return json.dumps(asdict(figure) | {"met": figure.met}, ensure_ascii=False)


def cells(figure: Figure) -> tuple[str, ...]:
    """Say the figure as cells under COLUMNS."""
    ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}×"
    met = {True: "yes", False: "**no**", None: ""}[figure.met]
    return (figure.name, f"{number(figure.value)} {figure.unit}", figure.against, ratio, figure.goal, met, figure.note)


def number(value: float) -> str:
    """Write a number with the digits that a measurement deserves: 12,345 · 123 · 12.3 · 1.23."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
