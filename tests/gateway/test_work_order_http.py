"""A work order over HTTP: who may do what, and how far it is, step by step, for whoever reaches the ticket (R48)."""

from datetime import datetime, timedelta
from typing import Any, Final

from adapters.engineer_app.buttons import tap
from bus.domain.work_order_commands import ApproveStep, RejectStep
from bus.gateway.http.work_order_answers import WorkOrderAnswer
from bus.gateway.read.work_order_view import work_order_lines, work_order_view
from tests.domain.given import given
from tests.domain.people import REOPEN, RESOLVE, SAMPLES, SIGNED, WORKING
from tests.gateway.conftest import Gateway
from tests.gateway.typed import type_faults

ASSIGNEE: Final = {
    "assignee": {"role": "engineer", "person": "王师傅", "contact": "13800000001", "backup_person": "李工",
                 "backup_contact": "13800000002"}
}  # fmt: skip


async def test_work_order_http_is_signed_by_whom_its_roles_allow_and_shown_r48(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    path = f"/v1/tickets/{ticket}"
    none = (await gateway.get(f"{path}/work-order")).json()
    assert (none["work_order"], "electrical-repair" in {one["key"] for one in none["templates"]}) == (None, True)
    assert type_faults(WorkOrderAnswer, none) == []

    async def tell(name: str, body: dict[str, Any], role: str) -> Any:
        return await gateway.post(f"{path}/{name}", body, role=role)

    for name, body, role in (
        ("assign", ASSIGNEE, "dispatcher"),
        ("start", {}, "engineer"),
        ("start-work-order", {"template": "electrical-repair"}, "engineer"),
    ):
        assert (await tell(name, body, role)).status_code == 200
    sign = {"step": "cut-power", "photos": ["oss://p/1.jpg"], "actor": "王师傅"}
    assert (await tell("sign-step", sign, "dispatcher")).status_code == 403
    assert (await tell("sign-step", sign, "engineer")).status_code == 200
    refused = (await tell("sign-step", sign, "engineer")).json()
    assert (refused["code"], refused["field"]) == ("already", "step")
    misspelled = (await tell("sign-step", {**sign, "value": []}, "engineer")).json()
    assert (misspelled["code"], misspelled["field"]) == ("unknown_field", "value")
    assert (await tell("cancel-work-order", {"reason": "?"}, "engineer")).status_code == 403
    approve = {"step": "cut-power", "level": "safety", "actor": "李工"}
    assert (await tell("approve-step", approve, "lead")).status_code == 200
    answer = (await gateway.get(f"{path}/work-order")).json()
    assert (type_faults(WorkOrderAnswer, answer), answer["templates"]) == ([], [])
    first, second, *_ = answer["work_order"]["steps"]
    assert (first["status"], first["photos"], first["turn"]) == ("done", ["oss://p/1.jpg"], False)
    assert [(one["level"], one["person"]) for one in first["signatures"]] == [("handler", "王师傅"), ("safety", "李工")]
    assert (second["status_zh"], second["turn"], answer["work_order"]["finished"]) == ("未签核", True, False)
    assert (await gateway.get(f"{path}/work-order", "host")).status_code == 403


async def test_work_order_http_steps_signed_offline_are_taken_in_their_order_once_r19_r48(gateway: Gateway) -> None:
    ticket = await gateway.opened()
    signed_at = gateway.deps.now() - timedelta(hours=1)
    taps: list[tuple[str, dict[str, Any]]] = [
        ("启动作业单", {"template": "electrical-repair"}),
        ("签核步骤", {"step": "cut-power", "photos": ["oss://p/1.jpg"], "actor": "王师傅"}),
        ("安全签核", {"step": "cut-power", "actor": "李工"}),
        ("签核步骤", {"step": "hand-over", "actor": "王师傅"}),
        ("签核步骤", {"step": "repair", "photos": ["oss://p/2.jpg"], "actor": "王师傅"}),
    ]
    for name, body in (("assign", ASSIGNEE), ("start", {})):
        assert (await gateway.post(f"/v1/tickets/{ticket}/{name}", body)).status_code == 200
    answers = []
    for _ in range(2):  # the app does not know how far it came, and sends all of it again
        for number, (label, values) in enumerate(taps):
            tapped = tap(label, {**values, "at": (signed_at + timedelta(minutes=number)).isoformat()})
            path = f"/v1/tickets/{ticket}/{tapped.name}"
            answers.append((await gateway.post(path, dict(tapped.body), role="engineer", key=f"tap-{number}")).json())
    assert [one.get("code") for one in answers[:5]] == [None, None, None, "not_its_turn", None]
    versions = [one.get("version") for one in answers]
    assert versions[:5] == versions[5:] == [4, 5, 6, None, 7]
    steps = (await gateway.get(f"/v1/tickets/{ticket}/work-order")).json()["work_order"]["steps"]
    assert [one["status"] for one in steps] == ["done", "done", "open", "open", "open"]
    assert datetime.fromisoformat(steps[1]["signatures"][0]["at"]) == signed_at + timedelta(minutes=4)


def test_work_order_view_shows_what_was_sent_back_and_forgets_an_earlier_repair_r48() -> None:
    story = given(*SIGNED, SAMPLES[RejectStep], SIGNED[-1], SAMPLES[ApproveStep])
    view = work_order_view(story.log)
    assert view
    first = view["steps"][0]
    assert [(one["level"], one["rejected"]) for one in first["signatures"]] == [
        ("handler", False), ("safety", True), ("handler", False), ("safety", False),
    ]  # fmt: skip
    lines = [*work_order_lines(view)]
    assert lines[1] == "   1. cut-power 断电并挂牌上锁 / cut the power, lock and tag it: 已完成 done"
    assert "✗ safety 王师傅" in lines[3]
    assert lines[3].endswith("挂牌看不清")
    assert lines[6].endswith("未签核 open ←")
    assert story.when(RESOLVE, historic=True).accepted.version  # as an imported past may
    story.when(REOPEN)
    again = work_order_view(story.log)
    assert again
    first = again["steps"][0]
    assert (first["status"], first["signatures"], first["photos"]) == ("open", [], ())
    assert work_order_view(given(*WORKING).log) is None
