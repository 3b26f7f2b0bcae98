"""The knowledge pool on the whole bus: drafted, filed, suggested, linked and counted (R21, R30)."""

import asyncio
import json
from typing import Any
from uuid import uuid4

from tests.bus_under_test import Bus, eventually

ASSIGN = {"assignee": {"role": "engineer", "person": "王师傅", "contact": "13800000001", "backup_person": "李工",
                       "backup_contact": "13800000002"}}  # fmt: skip
TICKS = ["fully_solved", "no_side_risk", "no_follow_up"]


async def test_knowledge_of_a_closed_ticket_serves_the_next_one(running: Bus) -> None:
    own = uuid4().hex[:6]
    async with running.client() as http:

        async def asked(path: str, body: dict[str, Any]) -> dict[str, Any]:
            answer = await http.post(path, json=body, headers={"Idempotency-Key": uuid4().hex})
            found: dict[str, Any] = answer.json()
            return {"status": answer.status_code, **found}

        async def working(serial: str, title: str) -> str:
            body = {"incident_key": {"kind": "serial", "value": serial}, "title": title, "type": "hardware_fault",
                    "customer": {"name": "欧阳云岚", "phone": "13800004711"}}  # fmt: skip
            ticket_id = str((await asked("/v1/tickets", body))["ticket_id"])
            for command, given in (("assign", ASSIGN), ("start", {})):
                assert (await asked(f"/v1/tickets/{ticket_id}/{command}", given))["status"] == 200
            return ticket_id

        first = await working(f"A-{own}", f"欧阳女士的豆浆机{own}不出浆")
        solved = {"photos": ["photo://1"], "summary": "磨刀卡死,王师傅清理磨刀", "root_cause": "blockage_dirt"}
        for command, given in (
            ("resolve", solved), ("request-closure", {}), ("confirm-closure", {"confirmed_by": "欧阳", "ticks": TICKS}),
        ):  # fmt: skip
            answer = await asked(f"/v1/tickets/{first}/{command}", given)
            assert answer["status"] == 200, answer

        async def drafted() -> dict[str, Any]:
            lines = (await asyncio.to_thread(running.run, "knowledge", "list", "--json")).stdout.splitlines()
            return next((one for one in map(json.loads, lines) if one["ticket_id"] == first), {})

        draft = await eventually(drafted, what=lambda: running.last_words("worker"))
        assert (draft["title"], draft["state"]) == (f"***的豆浆机{own}不出浆", "draft")
        assert (draft["words"], draft["attachments"]) == (["磨刀卡死"], ["photo"])
        number, why = draft["number"], ("--by", "张工", "--why", "已核对")
        title = ("--title", f"豆浆机{own}磨刀卡死不出浆")
        edited = await asyncio.to_thread(running.run, "knowledge", "edit", number, *title, *why)
        assert edited.stdout == f"{number} 草稿 / draft, 版本 version 2\n", edited.stderr
        assert (await asked(f"/v1/knowledge/{number}/file", {"why": "已核对"}))["state"] == "filed"
        found = await asyncio.to_thread(running.run, "knowledge", "search", f"豆浆机{own}")
        assert found.stdout.split()[0] == number
        second = await working(f"B-{own}", f"豆浆机{own}打不出豆浆")
        suggested = (await http.get(f"/v1/tickets/{second}/knowledge")).json()["articles"]
        assert suggested[0]["number"] == number
        listed = await asyncio.to_thread(running.run, "knowledge", "suggest", second)
        assert listed.stdout.split()[0] == number
        nobody = await asyncio.to_thread(running.run, "knowledge", "suggest", "T20261130-999999")
        assert (nobody.returncode, "there is no ticket" in nobody.stderr) == (1, True)
        refused = await asked(f"/v1/tickets/{second}/resolve", {**solved, "knowledge": ["KB-999999"]})
        assert (refused["status"], refused["code"], refused["field"]) == (422, "no_such_article", "knowledge")
        linked = await asked(f"/v1/tickets/{second}/resolve", {**solved, "knowledge": [number.lower()]})
        assert linked["status"] == 200, linked

        async def used() -> bool:
            return bool((await http.get(f"/v1/knowledge/{number}")).json()["reused"] == 1)

        await eventually(used, what=lambda: running.last_words("worker"))
    shown = await asyncio.to_thread(running.run, "knowledge", "show", number)
    assert "used again: 1" in shown.stdout
    assert [line.split()[1:3] for line in shown.stdout.splitlines()[-3:]] == [
        ["已起草", "drafted"], ["已修改", "edited"], ["已归档", "filed"],
    ]  # fmt: skip
    gone = await asyncio.to_thread(running.run, "knowledge", "withdraw", "KB-999999", *why)
    assert (gone.returncode, gone.stderr) == (1, "没有知识 KB-999999 / there is no article KB-999999\n")
    why_reused = await asyncio.to_thread(running.run, "insight", "why", "knowledge-reuse", "--json")
    assert second in why_reused.stdout
