"""`ticketbus simulate fxiaoke`: what it prints is a target that writes into it, and it fails as it is switched."""

from dataclasses import replace
from pathlib import Path

import pytest

from bus.delivery.target import DeliveryFailed
from tests.adapters.test_kingdee import call
from tests.cli.test_simulate import NOTE, simulating, switch, target
from tests.schemas.codecs import recorded


async def test_simulate_fxiaoke_is_delivered_to_as_it_prints(tmp_path: Path) -> None:
    run = simulating("fxiaoke", "--case", "水泵不转", "--switch", "error-after=1@update")
    asked = replace(call(), event=recorded(NOTE, version=2))
    async with run as printed:
        (case,) = (await switch(printed, off=True)).json()["records"]
        of_case = printed.targets.replace("id: ticket.source_no", f"id: {{value: '{case['id']}'}}")
        await switch(printed, fault="error-after", times=1, only=["update"])
        async with target(replace(printed, targets=of_case), tmp_path) as built:
            with pytest.raises(DeliveryFailed):
                await built.send(asked)
            assert (await built.send(asked)).reference == case["id"]
        done = f"update CasesObj {case['id']}"
        assert [await printed.line() for _ in range(3)] == ["token", f"{done} → 开关 switch: error-after", done]
        state = (await switch(printed, off=True)).json()
        assert (state["records"], state["flows"]) == ([{**case, "updated": 2}], 0)
