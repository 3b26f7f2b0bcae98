"""The OpenAPI document as a file, as every gateway serves it: asked of a gateway of which no part is connected."""

import asyncio
import json
from dataclasses import fields
from typing import Any, Final

import httpx2

from bus.app import Core
from bus.programs.gateway_app import gateway_app
from bus.programs.targets import targets_config_of
from bus.settings import Settings
from schemas.topics import Contract

FILE: Final = "docs/openapi.json"


class _Unconnected:
    """Stands for each part that the gateway has: nothing is asked of it while routes are only described."""

    def __getattr__(self, name: str) -> "_Unconnected":
        return self

    def __call__(self, *_given: object, **_named: object) -> "_Unconnected":
        return self


def document_file(contract: Contract) -> str:
    """Draw the file."""
    return json.dumps(json.loads(asyncio.run(_asked(contract))), indent=1, ensure_ascii=False) + "\n"


async def _asked(contract: Contract) -> bytes:
    nothing: Any = _Unconnected()
    parts = dict.fromkeys((one.name for one in fields(Core)), nothing)
    settings = Settings.model_construct()  # defaults: what this machine's environment says is no part of the interface
    core = Core(**{**parts, "settings": settings, "contract": contract})
    app = gateway_app(
        core,
        targets_config_of(settings),
        stopping=asyncio.Event(),
        known={},  # type: ignore[arg-type]  # no source is asked
        spool=nothing,
        readings=nothing,
        logs_before=0,
        report=nothing,
        alerting=[],
    )
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://site.invalid") as client:
        return (await client.get("/openapi.json")).raise_for_status().content
