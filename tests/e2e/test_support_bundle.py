"""`ticketbus support bundle` of a bus with known persons and secrets: none of them is in it, what helps is."""

import asyncio
import json
import tarfile
from pathlib import Path
from uuid import uuid4

from tests.bus_under_test import TOKEN, WEBHOOK_SECRET, Bus
from tests.databases import MASTER_KEY

NAME, PHONE, ADDRESS, TITLE = "欧阳小明", "13912345678", "天河路385号2201", "欧阳家的空调不制冷"
CLIENT_SECRET = "sk-of-a-target-4711"
_HOSTILE = [
    json.dumps({"event": "refused", "level": "error", "cause": f"bad value '{NAME}' {PHONE}"}, ensure_ascii=False),
    json.dumps({"event": "failed", "exception": f"Traceback\nValueError: {NAME} {ADDRESS}"}, ensure_ascii=False),
    json.dumps({"event": "seen", "note": f"{NAME}, {ADDRESS}", "token": TOKEN}, ensure_ascii=False),
    f"ValueError: {NAME} lives at {ADDRESS}",
]
_ROWS = [f"2026 ERROR:  bad {NAME}", f"2026 DETAIL:  Failing row contains ({NAME}, {PHONE})", "2026 LOG:  ready"]


async def test_support_bundle_has_what_helps_and_neither_persons_nor_secrets(running: Bus, tmp_path: Path) -> None:
    opening = {
        "incident_key": {"kind": "phone", "value": PHONE}, "title": TITLE, "type": "hardware_fault", "region": "华南",
        "customer": {"name": NAME, "phone": PHONE, "address": ADDRESS},
    }  # fmt: skip
    async with running.client() as http:
        opened = await http.post("/v1/tickets", json=opening, headers={"Idempotency-Key": uuid4().hex})
        assert opened.status_code == 201, opened.text
    logs = running.folder / "logs"
    logs.mkdir(exist_ok=True)
    gateway = [*running.log_of("gateway").splitlines(), *_HOSTILE, f'{{"event": "key", "cause": "{CLIENT_SECRET}"}}']
    (logs / "gateway.log").write_text("\n".join(gateway), encoding="utf-8")
    (logs / "postgres.log").write_text("\n".join(_ROWS), encoding="utf-8")
    running.environment["ERP_APP_SECRET"] = CLIENT_SECRET
    file = tmp_path / "bundle.tar.gz"
    try:
        done = await asyncio.to_thread(running.run, "support", "bundle", str(file))
    finally:
        del running.environment["ERP_APP_SECRET"]
    assert (done.returncode, done.stderr) == (0, "")
    assert file.stat().st_mode & 0o777 == 0o600
    with tarfile.open(file) as archive:
        contents = {
            one.name.partition("/")[2]: taken.read().decode()
            for one in archive.getmembers()
            if (taken := archive.extractfile(one))
        }
    password = running.database_url.partition("://")[2].partition("@")[0].partition(":")[2]
    secrets = [TOKEN, WEBHOOK_SECRET, MASTER_KEY, CLIENT_SECRET, password]
    assert all(secrets)
    hidden = [NAME, "欧阳", PHONE, PHONE[2:9], ADDRESS, "天河路", TITLE, *secrets]
    assert {(name, one) for name, text in contents.items() for one in hidden if one in text} == set()
    manifest = json.loads(contents["manifest.json"])
    assert {one["name"] for one in manifest["files"]} == contents.keys() - {"manifest.json"}
    assert {one["name"] for one in manifest["left_out"]} == {"statements.json", "metrics-worker.txt"}
    assert manifest["never_in"]
    assert "ticketbus_commands_total" in contents["metrics-gateway.txt"]
    assert json.loads(contents["programs.json"])
    assert {one["check"] for one in json.loads(contents["doctor.json"])} >= {"clocks", "pools"}
    assert contents["logs/postgres.log"] == "2026 LOG:  ready\n"
    assert '"event": "refused"' in contents["logs/gateway.log"]


def test_support_bundle_writes_over_nothing(shared_bus: Bus, tmp_path: Path) -> None:
    file = tmp_path / "there.tar.gz"
    file.touch()
    done = shared_bus.run("support", "bundle", str(file))
    assert (done.returncode, "is there already" in done.stderr) == (2, True)
    assert file.stat().st_size == 0
