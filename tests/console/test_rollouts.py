"""The page of rollouts: both versions side by side; begun, promoted and taken back with a reason."""

from dataclasses import replace
from typing import Any

import pytest

from bus.delivery.rollout import RolloutState
from console.page import ROOT
from console.pages.rollouts import STATES
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.fake_rollouts import FakeRolloutService

TYPED = {"target": "erp", "canary": "erp-v2", "minutes": "10", "events": "20", "why": "ERP 8.2"}
MARKUP = "<img src=x onerror=alert(2)>"


@pytest.mark.parametrize(("end", "state"), [("promote", "已全量"), ("abort", "已退回")])
async def test_rollouts_page_begins_one_shows_both_versions_and_ends_it_with_a_reason(
    visitor: Visitor, end: str, state: str
) -> None:
    await visitor.sign_in("sre")
    begun = await visitor.send("/rollouts", "/rollouts/start", **TYPED)
    assert begun.headers["location"] == f"{ROOT}/rollouts", begun.text
    shown = (await visitor.get("/rollouts")).text
    row = shown.split("旧 erp")[1].split("</tr>")[0]
    assert '<td class="number">3</td><td class="number">2</td>' in row
    ended = await visitor.send("/rollouts", f"/rollouts/{end}", why=f"看过了 {MARKUP}")
    assert ended.headers["location"] == f"{ROOT}/rollouts"
    shown = (await visitor.get("/rollouts")).text
    assert f">{state}</span>" in shown
    assert "&lt;img src=x" in shown
    assert "<img" not in shown
    (one,) = (await visitor.gateway.get("/v1/rollouts")).json()["rollouts"]
    assert (one["ended_by"], one["started_by"], one["why"]) == ("a-sre", "a-sre", "ERP 8.2")


@pytest.mark.parametrize("state", RolloutState)
async def test_rollouts_page_shows_each_state_also_one_that_was_rolled_back_by_itself(
    visitor: Visitor, state: RolloutState
) -> None:
    service = visitor.gateway.rollouts
    assert isinstance(service, FakeRolloutService)
    await service.start("erp", "erp-v2", minutes=1, events=1, by="sre", why="w")
    (row,) = service.rows
    ended: dict[str, Any] = {
        "ended_at": row.rollout.started_at,
        "ended_zh": "新版本更差",
        "ended_en": "the new version is worse",
    }
    service.rows = [replace(row, rollout=replace(row.rollout, state=state), **ended)]
    await visitor.sign_in("sre")
    page = await visitor.get("/rollouts")
    assert (page.status_code, str(STATES[state][1].zh) in page.text) == (200, True)
    assert "自动: 新版本更差" in page.text


@pytest.mark.parametrize("minutes", ["soon", "9" * 5_000])
async def test_rollouts_page_a_refusal_names_the_field_and_keeps_what_was_typed(visitor: Visitor, minutes: str) -> None:
    await visitor.sign_in("sre")
    refused = await visitor.send("/rollouts", "/rollouts/start", **{**TYPED, "minutes": minutes})
    assert refused.status_code in {400, 422}
    assert "minutes" in refused.text.split('role="alert"')[1].split("</section>")[0]
    assert f'value="{minutes}"' in refused.text
    assert 'value="ERP 8.2"' in refused.text
    assert (await visitor.gateway.get("/v1/rollouts")).json() == {"rollouts": []}


async def test_rollouts_page_a_lead_reads_and_decides_nothing(visitor: Visitor) -> None:
    await visitor.sign_in("lead")
    page = (await visitor.get("/rollouts")).text
    assert "/rollouts/start" not in page
    csrf = fields_of_form(page, f"{ROOT}/sign-out")["csrf"]
    form = {"csrf": csrf, **TYPED}
    refused = await visitor.http.post(f"{ROOT}/rollouts/start", data=form, headers={"Origin": HERE})
    assert refused.status_code == 403
    assert (await visitor.gateway.get("/v1/rollouts")).json() == {"rollouts": []}


async def test_rollouts_page_a_dispatcher_is_refused(visitor: Visitor) -> None:
    await visitor.sign_in("dispatcher")
    assert (await visitor.get("/rollouts")).status_code == 403
