"""Deliveries of sources that are plugged in by maps, at the gateway's door."""

import asyncio
import threading
from typing import Any

import pytest

from bus.intake.dispatch import utc_now
from tests.gateway.conftest import Gateway
from tests.mapped.maps import body_of, created, desk, signed


async def test_mapped_deliveries_are_read_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A map that takes seconds for each delivery let all other requests wait as long."""
    source = desk()
    begun, go_on, translate = threading.Event(), threading.Event(), source.translate

    def slowly(received: Any) -> Any:
        begun.set()
        assert go_on.wait(30)
        return translate(received)

    monkeypatch.setattr(source, "translate", slowly)
    gateway, body = Gateway(sources={"desk": source}), body_of({**created(), "time": utc_now().isoformat()})
    async with gateway.app.router.lifespan_context(gateway.app), gateway.http:
        sent = gateway.http.post("/v1/sources/desk/webhook", content=body, headers=signed(body, utc_now()))
        delivery = asyncio.create_task(sent)
        assert await asyncio.to_thread(begun.wait, 30)
        assert (await gateway.http.get("/livez")).status_code == 200
        assert not delivery.done()
        go_on.set()
        answer = await delivery
    assert (answer.status_code, answer.json()["map_version"]) == (201, 1), answer.text
