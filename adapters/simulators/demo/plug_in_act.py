"""The story's last act but one: a help desk is plugged in by a map, while the bus runs."""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from adapters.simulators.demo.context import EVENT_S_MAX, DemoContext
from adapters.simulators.demo.narrator import Narrator
from adapters.simulators.zendesk import SOURCE, STRANGER

CASE: Final = 5158
SUBJECT: Final = "帮助台:打印机卡纸"


async def plug_in(context: DemoContext, tell: Narrator) -> None:
    """Apply the map of a help desk, and take its first ticket in."""
    tell.step(
        "用对照表接入帮助台(Zendesk 格式),总线不重启",
        "a help desk in Zendesk's form is plugged in by a map, without a restart",
        "ticketbus map apply zendesk.yaml --by … --why … → gateways take it up → POST /v1/sources/zendesk/webhook",
    )
    status, answer = await context.zendesk.created(CASE, SUBJECT)
    tell.expect(status == STRANGER, "接入前应被拒绝", "before it, it is a stranger", answer)
    version = await context.operator.apply_map(SOURCE, by="张工", why="接入帮助台")
    async with asyncio.timeout(EVENT_S_MAX):
        while status == STRANGER:
            await asyncio.sleep(0.2)
            status, answer = await context.zendesk.created(CASE, SUBJECT)
    result: Mapping[str, Any] = next(iter(answer.get("results", ())), {})
    tell.expect(result.get("answer") == "opened", "应开出工单", "it opens a ticket", answer)
    tell.expect(answer.get("map_version") == version, "应由该版本翻译", "that version translated it", answer)
    tell.fact(
        f"Zendesk {CASE} → {result['ticket_id']} {SUBJECT}(对照表第 {version} 版)",
        f"opened by version {version} of its map",
    )
