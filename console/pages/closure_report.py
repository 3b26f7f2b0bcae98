"""The monthly closure report (R24) to read and print, beside the month before; its tickets are one click away."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bus.domain.text import Text
from bus.domain.time_text import CHINA
from bus.insight.closure_report import last_month
from bus.insight.closure_report_text import NOTE, SECTIONS, SHARES
from console.gateway_api import ApiProblem
from console.page import Asked, Page, link

Lines = Sequence[Mapping[str, Any]]


async def _read(asked: Asked) -> Mapping[str, Any]:
    wanted, latest = asked.query.get("month", ""), f"{last_month(asked.now):%Y-%m}"
    try:
        report = await asked.get("/v1/report/closure", month=wanted)
    except ApiProblem as problem:
        if problem.problem.get("field") != "month":
            raise
        return {"problem": problem, "month": wanted, "before": "", "report": None, "latest": latest}
    first = datetime.fromisoformat(report["since"])
    month, before = f"{first.astimezone(CHINA):%Y-%m}", f"{last_month(first):%Y-%m}"
    earlier = await asked.get("/v1/report/closure", month=before)
    return {
        "month": month,
        "before": before,
        "empty": is_empty(report["lines"]),
        "report": report,
        "sections": beside(report["lines"], earlier["lines"]),
        "titles": SECTIONS,
        "note": NOTE,
        "tickets_of": lambda line: tickets_of(line, report),
        "latest": latest,
    }


def is_empty(lines: Lines) -> bool:
    """Say whether nothing was closed or answered in a month: a share of nothing is no zero. Pure."""
    return all(one["section"] == SHARES and one["denominator"] == "0" for one in lines)


def beside(lines: Lines, earlier: Lines) -> Mapping[str, Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]]:
    """Give the lines of each section, each with that of the month before; what is gone since is left out. Pure."""
    before = {(one["section"], one["code"]): one for one in earlier}
    return {
        section: [(one, before.get((section, one["code"]))) for one in lines if one["section"] == section]
        for section in SECTIONS
    }


def tickets_of(line: Mapping[str, Any], report: Mapping[str, Any]) -> str:
    """Give the address of the page that lists what a line counts. Pure."""
    if line["section"] == SHARES:
        return link(f"/insight/{line['code']}", since=report["since"], until=report["until"])
    return link(f"/report/{line['section']}", month=report["month"], code=line["code"])


async def _tickets(asked: Asked) -> Mapping[str, Any]:
    section, month, code = asked.path["section"], asked.query.get("month", ""), asked.query.get("code", "")
    path = "/v1/report/closure"
    found, report = await asyncio.gather(
        asked.get(f"{path}/{section}", month=month, code=code), asked.get(path, month=month)
    )
    known = {one["code"]: one["text"] for one in report["lines"] if one["section"] == section}
    return {
        **found,
        "section": SECTIONS[section],
        "word": known.get(code, {"zh": code, "en": code}),
        "month": report["month"],
    }


PAGE: Final = Page(
    path="/report",
    title=Text("月报", "monthly report"),
    template="closure_report.html",
    read=_read,
    needs="insight",
)
TICKETS: Final = Page(
    path="/report/{section}",
    title=Text("月报", "monthly report"),
    template="closure_report_tickets.html",
    read=_tickets,
    needs="insight",
    menu=False,
)
