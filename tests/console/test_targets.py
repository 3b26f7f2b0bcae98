"""Targets on the console: why nothing goes there, and pausing, resuming, clearing a queue that nobody calls."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pytest

from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem
from bus.gateway.routes.deadletter_requests import DiscardQueue, MoveQueue, PauseDelivery, ResumeDelivery
from console.page import ROOT
from console.pages.targets import states_of
from tests.console.conftest import HERE, Visitor
from tests.console.form import fields_of_form
from tests.gateway.fake_deadletters import FakeDeadLetters

MARKUP = "<script>alert(1)</script>"
AT = "2026-11-29T02:03:04+00:00"
FINE: Mapping[str, Any] = {
    "target": "app", "waiting": 0, "parked": 0, "failing": 0, "attempts": 0, "overdue": 0, "oldest_at": None,
    "paused": None, "failures": 0, "not_before": None, "asked_wait": False, "undeclared_at": None,
    "last_failure": None, "probed_at": None, "probe_missing_since": None, "probe_failure": None,
    "reconciled_at": None, "list_failure": None, "differences": 0,
    "postponed": 0, "postponed_until": None,
}  # fmt: skip
ERP: Mapping[str, Any] = {
    **FINE, "target": "erp", "waiting": 7, "parked": 2, "failing": 1, "attempts": 3, "oldest_at": AT,
    "paused": f"张工: 盘点 {MARKUP}", "failures": 4, "not_before": AT, "asked_wait": True, "probed_at": AT,
    "probe_missing_since": AT, "probe_failure": MARKUP, "postponed": 5, "postponed_until": AT,
    "reconciled_at": AT, "differences": 3, "list_failure": MARKUP,
    "last_failure": {"at": AT, "kind": "throttled", "status": 429, "detail": "HTTP 429", "message": MARKUP},
}  # fmt: skip
OLD: Mapping[str, Any] = {**FINE, "target": "erp-old", "waiting": 3, "undeclared_at": AT}


@pytest.fixture
def targets(visitor: Visitor) -> FakeDeadLetters:
    """Give the targets behind the console."""
    fake = visitor.gateway.dead_letters
    assert isinstance(fake, FakeDeadLetters)
    fake.targets = [FINE, ERP, OLD]
    return fake


def asked_of(targets: FakeDeadLetters) -> list[object]:
    """Give the requests that came through."""
    return [request for request, _ in targets.done]


@pytest.mark.usefixtures("targets")
async def test_targets_say_why_nothing_goes_there_the_worst_first(visitor: Visitor) -> None:
    await visitor.sign_in("sre")
    page = (await visitor.get("/targets")).text
    rows = [page.index(f'href="{ROOT}/targets/{name}"') for name in ("erp", "erp-old", "app")]
    assert rows == sorted(rows)
    one = (await visitor.get("/targets/erp")).text
    for text in (
        "张工: 盘点",
        "对方要求等到",
        "11-29 10:03:04 +08:00",
        "连续失败 4 次",
        "免打扰",
        "HTTP 429",
        "没有应答",
        "死信 2",
        "单据不一致 3",
        "单据对账",
    ):
        assert text in one
    for shown in (page, one):
        assert MARKUP not in shown
        assert "&lt;script&gt;" in shown
    assert f'href="{ROOT}/letters?target=erp"' in page
    assert (await visitor.get("/targets/none")).status_code == 404


async def test_targets_are_paused_with_the_reason_and_resumed(visitor: Visitor, targets: FakeDeadLetters) -> None:
    await visitor.sign_in("sre")
    paused = await visitor.send("/targets/app", "/targets/app/pause", why="盘点")
    assert paused.headers["location"] == f"{ROOT}/targets/app"
    await visitor.send("/targets/erp", "/targets/erp/resume")
    assert asked_of(targets) == [PauseDelivery(target="app", why="盘点"), ResumeDelivery(target="erp")]
    assert "/targets/app/resume" not in (await visitor.get("/targets/app")).text, "nothing holds it"
    assert "/targets/erp/pause" not in (await visitor.get("/targets/erp")).text, "it is paused"
    targets.refusal = HttpProblem(409, "not_paused", "target", Text("没有暂停", "it is not paused"))
    refused = await visitor.send("/targets/erp", "/targets/erp/resume")
    assert (refused.status_code, "没有暂停" in refused.text) == (409, True)
    refused = await visitor.send("/targets/app", "/targets/app/pause", why="再盘点")
    assert 'value="再盘点"' in refused.text


async def test_targets_the_queue_of_an_undeclared_one_is_moved_or_discarded_step_by_step(
    visitor: Visitor, targets: FakeDeadLetters
) -> None:
    await visitor.sign_in("sre")
    page = (await visitor.get("/targets/erp-old")).text
    assert ("<option>app</option>" in page, "<option>erp-old</option>" in page) == (True, False)
    form = fields_of_form(page, f"{ROOT}/targets/erp-old/move")
    where, headers = f"{ROOT}/targets/erp-old", {"Origin": HERE}
    moved = await visitor.http.post(f"{where}/move", data={**form, "to": "erp", "why": "改名"}, headers=headers)
    assert moved.headers["location"] == f"{ROOT}/targets?cleared=erp-old"
    assert "没有在等待的投递了" not in (await visitor.get("/targets?cleared=erp")).text, "something waits for it"
    targets.targets = [FINE, ERP]
    assert "“erp-old”没有在等待的投递了" in (await visitor.http.get(moved.headers["location"])).text
    targets.targets = [FINE, ERP, OLD]
    targets.following, targets.left = "T20261129-000500", 2
    step = await visitor.send("/targets/erp-old", "/targets/erp-old/discard", why="已下线")
    assert (step.status_code, "已作废 3 条" in step.text) == (200, True)
    form = fields_of_form(step.text, f"{ROOT}/targets/erp-old/discard")
    assert (form["after"], form["why"]) == ("T20261129-000500", "已下线")
    targets.following, targets.left = None, 0
    await visitor.http.post(f"{where}/discard", data=form, headers=headers)
    assert asked_of(targets) == [
        MoveQueue(target="erp-old", to="erp", why="改名"),
        DiscardQueue(target="erp-old", why="已下线"),
        DiscardQueue(target="erp-old", why="已下线", after="T20261129-000500"),
    ]
    keys = [request.command_id for _, request in targets.done]
    assert len({*keys}) == 3, "each step is a request of its own"


async def test_targets_a_dispatcher_neither_sees_nor_decides(visitor: Visitor, targets: FakeDeadLetters) -> None:
    await visitor.sign_in("dispatcher")
    assert (await visitor.get("/targets")).status_code == 403
    page = (await visitor.get("/tickets")).text
    assert f'href="{ROOT}/targets"' not in page
    csrf = fields_of_form(page, f"{ROOT}/sign-out")["csrf"]
    for name in ("pause", "resume", "discard", "move"):
        sent = {"csrf": csrf, "why": "x", "key": "k", "to": "app"}
        refused = await visitor.http.post(f"{ROOT}/targets/erp/{name}", data=sent, headers={"Origin": HERE})
        assert refused.status_code == 403
    assert targets.done == []


@pytest.mark.parametrize(
    ("now", "colour", "zh"),
    [
        ({}, "good", "正常"),
        ({"not_before": AT, "failures": 12}, "bad", "熔断:只试探"),
        ({"not_before": AT, "asked_wait": True}, "warn", "对方要求等待"),
        ({"not_before": "2026-11-29T02:00:00+00:00", "asked_wait": True}, "good", "正常"),  # it is over
        ({"undeclared_at": AT}, "bad", "已不再声明,无人调用"),
        ({"overdue": 3}, "warn", "3 条未按时取走"),
        ({"probe_missing_since": AT}, "bad", "探测不到"),
    ],
)
def test_targets_have_a_state_in_words(now: Mapping[str, Any], colour: str, zh: str) -> None:
    shown = states_of({**FINE, **now}, datetime.fromisoformat("2026-11-29T02:03:00+00:00"))[0]
    assert (shown[0], shown[1].zh) == (colour, zh)
