"""Liveness, readiness and metrics."""

import asyncio
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Literal, NotRequired

from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from typing_extensions import TypedDict

from bus.gateway.auth.authorize import admit
from bus.gateway.auth.roles import Access
from bus.gateway.http.problems import RETRY_AFTER_S
from bus.gateway.http.responses import json_response
from bus.gateway.http.routing import HttpRoute, reading
from bus.gateway.ports import Probe

_TEXT = {"text/plain": {"schema": {"type": "string"}}}
PROBE_SECONDS_MAX, PROBE_EVERY_S = 2.0, 1.0


class LiveAnswer(TypedDict):
    """That the process runs."""

    live: bool


class ReadyAnswer(TypedDict):
    """Whether requests can be taken, and which parts are up."""

    ready: bool
    postgres: NotRequired[Literal["up", "down"]]
    kafka: NotRequired[Literal["up", "down"]]


def health_routes(probes: Mapping[str, Probe]) -> Sequence[HttpRoute]:
    """Make the routes; `probes` by the part's name (postgres, kafka), asked once a second at most. Pure."""
    asked_at, parts, turn = float("-inf"), dict[str, bool](), asyncio.Lock()

    async def readyz(_http: HttpRequest) -> Response:
        """Say which parts are up; 200 when requests can be taken, which one store is enough for."""
        nonlocal asked_at, parts
        async with turn:
            if monotonic() - asked_at > PROBE_EVERY_S:
                parts, asked_at = await _check(probes), monotonic()
        ready = any(parts.values())
        content = {"ready": ready, **{name: "up" if up else "down" for name, up in parts.items()}}
        return json_response(content, 200 if ready else 503, {} if ready else {"Retry-After": str(RETRY_AFTER_S)})

    return [
        HttpRoute(
            method="GET",
            path="/livez",
            run=_livez,
            query=None,
            about={"summary": "Say that the process runs"},
            answers={200: LiveAnswer},
        ),
        HttpRoute(
            method="GET",
            path="/readyz",
            run=readyz,
            query=None,
            about={"summary": "Say which parts are up"},
            answers={200: ReadyAnswer, 503: ReadyAnswer},
        ),
        reading(
            "/metrics",
            _show_metrics,
            "Prometheus metrics",
            responses={"200": {"description": "Metrics as text", "content": _TEXT}},
        ),
    ]


async def _livez(_http: HttpRequest) -> Response:
    """Say that the process runs."""
    return json_response({"live": True})


async def _show_metrics(http: HttpRequest) -> Response:
    """Give the metrics to Prometheus: with exemplars to who takes OpenMetrics."""
    await admit(http, Access.METRICS)
    encode, content_type = choose_encoder(http.headers.get("accept", ""))
    return Response(encode(REGISTRY), media_type=content_type)


async def _check(probes: Mapping[str, Probe]) -> dict[str, bool]:
    """Try all parts at once, each within PROBE_SECONDS_MAX."""
    tried = await asyncio.gather(*(_up(probe) for probe in probes.values()))
    return dict(zip(probes, tried, strict=True))


async def _up(probe: Probe) -> bool:
    try:
        async with asyncio.timeout(PROBE_SECONDS_MAX):
            await probe()
    except Exception:  # noqa: BLE001 - whatever a probe raises, the part is not up
        return False
    return True
