"""Figures: what the bus did in the last day or week, from its own tables; drawn above the table that holds them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page

NAMES: Final[Mapping[str, Text]] = {
    "commands": Text("受理的命令", "commands taken"),
    "deliveries": Text("了结的投递", "deliveries settled"),
    "letters": Text("新的死信", "new dead letters"),
    "refused": Text("被拒绝的输入", "refused inputs"),
}
SPANS: Final = (24, 168)


async def _read(asked: Asked) -> Mapping[str, Any]:
    wanted = asked.query.get("hours", "")
    hours = int(wanted) if wanted.isdecimal() and int(wanted) in SPANS else SPANS[0]
    found = await asked.get("/v1/figures", hours=hours)
    times, series = by_hour([datetime.fromisoformat(one) for one in found["times"]], found["series"])
    sums = {name: sum(counts) for name, counts in series.items()}
    return {"hours": hours, "spans": SPANS, "times": times, "series": series, "sums": sums, "names": NAMES}


def by_hour(times: list[datetime], series: Mapping[str, list[int]]) -> tuple[list[datetime], dict[str, list[int]]]:
    """Sum ten-minute steps to hours, the newest first; the oldest hour may be cut. Pure."""
    hours = list(dict.fromkeys(one.replace(minute=0, second=0, microsecond=0) for one in times))[::-1]
    at = {hour: n for n, hour in enumerate(hours)}
    summed = {name: [0] * len(hours) for name in series}
    for name, counts in series.items():
        for time, count in zip(times, counts, strict=True):
            summed[name][at[time.replace(minute=0, second=0, microsecond=0)]] += count
    return hours, summed


PAGE: Final = Page(path="/figures", title=Text("数据", "figures"), template="figures.html", read=_read, needs="alerts")
