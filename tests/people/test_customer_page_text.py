"""docs/customer-page.md, followed from its text on a real gateway and PostgreSQL: directory, link, page, label, end."""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import pytest

from bus.local.stack import Urls
from tests.bus_under_test import TOKEN, Bus, bus_on

PAGE = (Path(__file__).parents[2] / "docs" / "customer-page.md").read_text(encoding="utf-8")
SHELL = re.findall(r"```shell\n(.*?)```", PAGE, re.DOTALL)
PERSON = {"role": "engineer", "person": "王师傅", "contact": "13800000001", "backup_person": "李工",
          "backup_contact": "13800000002"}  # fmt: skip


@pytest.fixture
def bus(parts: Urls, tmp_path: Path) -> Iterator[Bus]:
    """Run a gateway whose links lead to itself."""
    with bus_on(parts, tmp_path) as made:
        made.environment |= {"TICKETBUS_CUSTOMER_URL": made.url}
        made.start("gateway")
        yield made


async def _run(bus: Bus, script: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**bus.environment, "TICKETBUS_URL": bus.url, "TICKETBUS_TOKEN": TOKEN, "PATH": path}
    command = ["bash", "-ec", script]
    run = partial(subprocess.run, command, env=environment, cwd=folder, capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_customer_page_the_how_to_works_from_its_text_r16(bus: Bus, tmp_path: Path) -> None:
    await bus.ready()
    people = re.findall(r"```yaml\n( *people:.*?)```", PAGE, re.DOTALL)[0]
    file = tmp_path / "people.yaml"
    backup = "     李工: {role: engineer, regions: [华东], capacity: 3, contact: '13800000002', backup: 王师傅}\n"
    file.write_text(people.rstrip(" ") + backup, encoding="utf-8")
    applied = await asyncio.to_thread(bus.run, "people", "apply", str(file))
    assert "王师傅 已登记" in applied.stdout, applied.stderr
    async with bus.client() as http:
        key = {"kind": "serial", "value": "SN-7731"}
        opening = {"incident_key": key, "title": "漏水", "type": "hardware_fault", "region": "华东"}
        opened = await http.post("/v1/tickets?link=true", json=opening, headers={"Idempotency-Key": "o-1"})
        ticket = opened.json()["ticket_id"]
        await http.post(f"/v1/tickets/{ticket}/assign", json={"assignee": PERSON}, headers={"Idempotency-Key": "a-1"})
    give, label, revoke, commands = (one.replace("T20261122-000001", ticket) for one in SHELL)
    link = re.search(r'"link":"([^"]+)"', await _run(bus, give, tmp_path))
    assert link
    assert opened.json()["customer_link"] == link[1]
    await _run(bus, label.replace("T20261122-000002", ""), tmp_path)
    assert ((tmp_path / f"{ticket}.svg").stat().st_size > 1000, ticket in (tmp_path / "labels.html").read_text()) == (
        True, True,
    )  # fmt: skip
    async with httpx2.AsyncClient(trust_env=False) as customer:
        shown = await customer.get(link[1])
        assert (shown.status_code, 'href="tel:4008001234"' in shown.text, "王师傅" in shown.text) == (200, True, True)
        assert [one for one in ("13800000001", "13800000002") if one in shown.text] == []
        policy = shown.headers["content-security-policy"]
        assert "img-src data: https://img.example.com;" in policy
        reads = bus.query("SELECT client, what FROM personal_reads WHERE client = 'customer-page'")
        assert reads == [("customer-page", "person:王师傅")]
        await _run(bus, f"TICKET={ticket}\n{revoke}", tmp_path)
        assert (await customer.get(link[1])).status_code == 410
        by_command = await _run(bus, commands, tmp_path)
        assert (await customer.get(by_command.split()[0])).status_code == 410, "revoked by the second command"
    assert link[1].rpartition("/")[2] not in bus.log_of("gateway")
