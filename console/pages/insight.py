"""The golden metrics 黄金指标 (R27 to R34), each with its tickets one click away, what followed, and fairness (R5)."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from bus.domain.fairness import Fairness
from bus.domain.text import Text
from console.page import Asked, Page

JUDGED: Final[Mapping[str, tuple[str, Text]]] = {
    "ok": ("good", Text("达标", "fine")),
    "over": ("bad", Text("越限", "over")),
    "too few": ("none", Text("样本太少", "too few")),
}
SHARES: Final[Mapping[str, tuple[str, Text]]] = {
    one.value: ("warn" if one in (Fairness.MORE, Fairness.LESS) else "none", one.text) for one in Fairness
}


async def _list(asked: Asked) -> Mapping[str, Any]:
    metrics, tasks, fairness = await asyncio.gather(
        asked.get("/v1/insight"), asked.get("/v1/insight/decisions", open="true"), asked.get("/v1/fairness")
    )
    return {
        "metrics": metrics["metrics"],
        "tasks": tasks["tasks"],
        "fairness": fairness,
        "mark_of": mark_of,
        "shares": SHARES,
        "percent": percent,
    }


async def _one(asked: Asked) -> Mapping[str, Any]:
    path, others = f"/v1/insight/{quote(asked.path['metric'], safe='')}", asked.query.get("others") == "true"
    within = {name: asked.query.get(name) for name in ("since", "until")}
    metric, cases = await asyncio.gather(
        asked.get(path, **within), asked.get(f"{path}/why", others="true" if others else None, **within)
    )
    return {
        "metric": metric,
        "cases": by_cause(cases["cases"]),
        "more": cases["more"],
        "others": others,
        "within": within,
        "mark_of": mark_of,
        "percent": percent,
    }


def mark_of(metric: Mapping[str, Any]) -> tuple[str, Text]:
    """Give the colour and word of how a metric was judged. Pure."""
    return JUDGED[metric["judgement"]] if metric["threshold"] else ("none", Text("无阈值", "no threshold"))


def percent(share: float | None) -> str:
    """Show a share; a dash where there was no case. Pure."""
    return "–" if share is None else f"{100 * share:.1f} %"


def by_cause(cases: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Give the subjects of cases by their cause, the most frequent cause first. Pure."""
    found: dict[str, list[str]] = {}
    for one in cases:
        found.setdefault(one["cause"], []).append(one["subject"])
    return dict(sorted(found.items(), key=lambda one: (-len(one[1]), one[0])))


LIST: Final = Page(path="/insight", title=Text("指标", "metrics"), template="insight.html", read=_list, needs="insight")
PAGE: Final = Page(
    path="/insight/{metric}",
    title=Text("指标", "metric"),
    template="insight_one.html",
    read=_one,
    needs="insight",
    menu=False,
)
