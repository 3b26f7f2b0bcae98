"""Hosts: their disks with how full they are and when they will be full, and who fell silent; what presses first."""

from collections.abc import Mapping
from typing import Any, Final

from bus.domain.text import Text
from console.page import Asked, Page
from console.render import seconds_until

MARKS: Final[Mapping[str, Text]] = {
    "warn": Text("预警水位", "warning mark"),
    "high": Text("高水位", "high mark"),
    "floor": Text("下限:能等的写入已停", "floor: writes that can wait are stopped"),
}
_RANK: Final = ("floor", "high", "warn", "")
_NEVER: Final = "9999"


async def _read(asked: Asked) -> Mapping[str, Any]:
    disks = (await asked.get("/v1/hosts"))["disks"]
    shown = [
        {**one, "full_in_s": seconds_until(one["likely_full_at"], asked.now)} for one in sorted(disks, key=urgency)
    ]
    return {"disks": shown, "marks": MARKS, "gib": gib, "watched": any(one["origin"] == "watch" for one in disks)}


def urgency(disk: Mapping[str, Any]) -> tuple[Any, ...]:
    """Give what orders disks: who is silent or takes no writes, the worst mark, the first to be full. Pure."""
    mark = min(_RANK.index(disk["mark"]), _RANK.index(disk["inode_mark"]))
    return not (disk["silent"] or disk["read_only"]), mark, disk["likely_full_at"] or _NEVER, disk["host"], disk["path"]


def gib(size: float | None) -> str:
    """Show bytes in GiB, small ones in MiB. Pure."""
    if size is None:
        return "–"
    return f"{size / 2**30:.1f} GiB" if abs(size) >= 2**30 else f"{size / 2**20:.0f} MiB"


PAGE: Final = Page(
    path="/hosts", title=Text("主机", "hosts"), template="hosts.html", read=_read, needs="consumers", live=True
)
