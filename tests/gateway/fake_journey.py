"""Journeys of tickets that are known by some names, all with one verdict."""

from collections.abc import Mapping, Sequence
from typing import Any

from bus.gateway.http.journey_answers import JourneyAnswer
from tests.gateway.described import blank


def journey_of(
    anything: str, known_by: Mapping[str, Sequence[str]], verdict: Sequence[dict[str, Any]], *, after: int, most: int
) -> dict[str, Any] | None:
    """Give the journey of who is called so; `known` is somebody without a ticket."""
    known = {"title": f"{most} events after {after}", "state_zh": "", "verdict": verdict}
    found = [None] if anything == "known" else known_by.get(anything)
    return {**blank(JourneyAnswer), **known, "ticket_id": found[0], "also": found[1:]} if found else None
