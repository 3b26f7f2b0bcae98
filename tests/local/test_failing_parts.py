"""`ticketbus status` names the parts of programs that do not work."""

from datetime import UTC, datetime, timedelta

import pytest

from bus.alerts.rules.programs import beat_of
from bus.local import failing_parts
from bus.postgres.heartbeats import STARTING

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def test_failing_parts_are_those_of_programs_that_live_and_have_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = [
        beat_of("worker", NOW, {"source maps": "desk: HTTP 500 of the list", "projections": STARTING, "sla": None}),
        beat_of("worker", NOW - timedelta(hours=1), {"audit": "of one that has ended"}),
    ]
    monkeypatch.setattr(failing_parts, "running_database", lambda _state: "postgresql://here")
    monkeypatch.setattr(failing_parts, "last_beats", lambda _url: (NOW, beats))
    (found,) = failing_parts.of_stack(None)
    assert found.failing == "worker: source maps"
    assert "HTTP 500" in found.why


def test_failing_parts_are_not_known_without_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing_parts, "running_database", lambda _state: "postgresql://away")
    monkeypatch.setattr(failing_parts, "last_beats", lambda _url: (None, []))
    assert failing_parts.of_stack(None) == []
