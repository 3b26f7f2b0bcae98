"""`ticketbus simulate`: an integrator copies what it prints into a targets file, delivers, and flips its switches."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
import typer
from typer.testing import CliRunner

from adapters import webhook_signature as signature
from adapters.adapter import ChannelServices, EnvironmentSecrets, TargetAdapter, TargetServices
from adapters.contract_suites.target import OPENED
from adapters.registry import CHANNELS, TARGETS
from adapters.simulators.callback_faults import CallbackFault
from adapters.simulators.callback_receiver import CallbackReceiver
from adapters.simulators.fxiaoke_faults import FxiaokeFault
from adapters.simulators.kingdee import KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault
from adapters.simulators.rehearsal import callback_switches, kingdee_switches
from adapters.simulators.switches import NoSuchSwitch, Turn, switch_names, turn_of
from adapters.simulators.u8_faults import U8Fault
from bus.alerts.engine.alerts_config import load_alerts_config
from bus.cli import simulate
from bus.delivery.target import Call, DeliveryFailed, Target
from bus.delivery.targets_config import load_targets_config
from bus.domain.events import NoteAdded
from bus.domain.evolve import evolve
from bus.domain.ticket import Ticket
from bus.intake.dispatch import utc_now
from tests.adapters.alert_messages import message, refusal
from tests.adapters.test_kingdee import call
from tests.schemas.codecs import recorded

PATIENCE_S = 120.0
SIGNING = "whsec_" + "QUJD" * 12
OTHER_SIGNING = "whsec_" + "REVG" * 12
NOTE = NoteAdded(text="李女士 13800001111", changed=())


@dataclass(frozen=True, kw_only=True)
class Printed:
    """What a stand-in printed before its first call, and what it prints from then on."""

    url: str
    targets: str
    variables: dict[str, str]
    curls: list[str]
    output: asyncio.StreamReader

    async def line(self) -> str:
        """Read the next call's line, without its time."""
        return (await asyncio.wait_for(self.output.readline(), PATIENCE_S)).decode()[9:].strip()


@asynccontextmanager
async def simulating(*arguments: str) -> AsyncIterator[Printed]:
    """Run `ticketbus simulate …` on a free port, and end it as Ctrl-C does."""
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bus", "simulate", *arguments, "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    assert program.stdout is not None
    try:
        lines = list[str]()
        async with asyncio.timeout(PATIENCE_S):
            while "calls:" not in (line := (await program.stdout.readline()).decode()):
                assert line, lines
                lines.append(line)
        inside = [line[2:] for line in lines if line.startswith("  ")]
        yaml_lines = [line for line in inside if not line.startswith(("export", "curl"))]
        exports = [line.removeprefix("export ").strip() for line in inside if line.startswith("export")]
        yield Printed(
            url=lines[0].split(" at ")[1].split(",")[0],
            targets="".join(yaml_lines),
            curls=[line.strip() for line in inside if line.startswith("curl")],
            variables={name: value for name, _, value in (shlex.split(one)[0].partition("=") for one in exports)},
            output=program.stdout,
        )
    finally:
        program.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(program.wait(), PATIENCE_S) == 0


@asynccontextmanager
async def target(printed: Printed, folder: Path, name: str = "") -> AsyncIterator[Target]:
    """Build the target that the printed part of a targets file names, or the one of that name."""
    file = folder / "targets.yaml"
    file.write_text(printed.targets, encoding="utf-8")
    targets = load_targets_config(file, TARGETS).targets
    ((name, config),) = [(each, targets[each]) for each in targets if name in ("", each)]
    secrets = EnvironmentSecrets(environment=printed.variables, where=name)
    services = TargetServices(name=name, ticket_at=ticket_at, now=lambda: datetime.now(UTC))
    adapter = TARGETS[config.adapter]
    assert isinstance(adapter, TargetAdapter)
    built: Target = adapter.build(config.options, secrets, services)
    try:
        yield built
    finally:
        await built.close()


async def ticket_at(call: Call) -> Ticket:
    return evolve(evolve(None, replace(recorded(OPENED), version=1)), call.event)


async def switch(printed: Printed, **body: Any) -> httpx2.Response:
    async with httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        return await http.post(f"{printed.url}/_switch", json=body)


async def test_simulate_kingdee_is_delivered_to_as_it_prints_and_fails_as_it_is_switched(tmp_path: Path) -> None:
    run = simulating("kingdee", "--stock", "PUMP-7=9", "--stock", "SEAL-1=9", "--switch", "session-text=1@Save")
    async with run as printed, target(printed, tmp_path) as erp:
        assert (await erp.send(call(1))).commands
        lines = [await printed.line() for _ in range(8)]
        assert lines[0] == "LoginByAppSecret"
        assert lines[2].startswith("Save TB")
        assert lines[2].endswith("T20261122-000001 PR-1 PUMP-7×2 SEAL-1×1 → 开关 switch: session-text")
        assert [line.split()[0] for line in lines[3:]] == [
            "LoginByAppSecret", "ExecuteBillQuery", "Save", "Submit", "Audit",
        ]  # fmt: skip
        answer = await switch(printed, fault="in-use", times=1, only=["Submit"])
        assert (answer.status_code, answer.json()["on"]) == (200, ["in-use"])
        with pytest.raises(DeliveryFailed) as failed:
            await erp.send(call(2))
        assert "网络控制" in failed.value.message
        state = (await switch(printed, off=True)).json()
        assert [(one["status"], one["note"]) for one in state["bills"]] == [
            ("C", "T20261122-000001 PR-1"),
            ("A", "T20261122-000001 PR-1"),
        ]
        assert (await erp.send(call(2))).commands


async def test_simulate_sap_is_delivered_to_as_it_prints_and_fails_as_it_is_switched(tmp_path: Path) -> None:
    run = simulating("sap", "--stock", "PUMP-7=9", "--stock", "SEAL-1=9", "--switch", "stale-csrf=1@Post")
    async with run as printed, target(printed, tmp_path) as erp:
        assert (await erp.send(call(1))).commands
        lines = [await printed.line() for _ in range(5)]
        assert [line.split()[0] for line in lines] == ["Lookup", "Fetch", "Post", "Fetch", "Post"]
        assert lines[2].startswith("Post TB")
        assert lines[2].endswith("T20261122-000001 PR-1 PUMP-7×2 SEAL-1×1 → 开关 switch: stale-csrf")
        assert "李女士" not in "".join(lines)
        answer = await switch(printed, fault="locked", times=1, only=["Post"])
        assert (answer.status_code, answer.json()["on"]) == (200, ["locked"])
        with pytest.raises(DeliveryFailed) as failed:
            await erp.send(call(2))
        assert "locked by the user" in failed.value.message
        state = (await switch(printed, off=True)).json()
        assert [one["number"] for one in state["documents"]] == ["4900000001/2026"]
        assert (await erp.send(call(2))).commands


async def test_simulate_u8_is_delivered_to_by_both_interfaces_as_it_prints(tmp_path: Path) -> None:
    run = simulating(
        "u8", "--stock", "PUMP-7=9", "--stock", "SEAL-1=9", "--queue-seconds", "0", "--switch", "in-use=1@add"
    )
    async with run as printed, target(printed, tmp_path, "u8") as openapi, target(printed, tmp_path, "u8-eai") as eai:
        with pytest.raises(DeliveryFailed) as failed:
            await openapi.send(call(1))
        assert "其他人修改" in failed.value.message
        lines = [await printed.line() for _ in range(3)]
        assert [line.split()[0] for line in lines] == ["token", "list", "add"]
        assert lines[2].endswith("T20261122-000001 PR-1 PUMP-7×2 SEAL-1×1 → 开关 switch: in-use")
        effect = await openapi.send(call(1))
        assert effect.commands
        assert await eai.confirm(call(1)) == effect, "both have the same books, and the same number for a request"
        await eai.send(call(2))
        state = (await switch(printed, off=True)).json()
        assert ([one["made"] for one in state["bills"]], state["stock"]["PUMP-7"]) == ([1, 1], 5)


async def test_simulate_crm_proves_what_comes_and_prints_no_text_of_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(simulate.CRM_SECRET, raising=False)
    asked = replace(call(), event=recorded(NOTE, version=2))
    async with simulating("crm", "--switch", "error-after-effect=1") as printed, target(printed, tmp_path) as crm:
        with pytest.raises(DeliveryFailed):
            await crm.send(asked)
        await crm.send(asked)
        first, second = [await printed.line() for _ in range(2)]
        assert first == f"{second} → 开关 switch: error-after-effect"
        assert "type=note.added" in second
        assert not [one for one in ("李女士", "13800001111", printed.variables[simulate.CRM_SECRET]) if one in first]
        state = (await switch(printed, off=True)).json()
        assert (state["calls"], state["taken"], state["unproven"]) == (2, 1, 0)


async def test_simulate_a_long_rehearsal_is_counted_whole_and_remembered_in_part() -> None:
    receiver, erp = CallbackReceiver(SIGNING, most=2), KingdeeSimulator(stock={"PUMP-7": 99}, most=2)
    key = signature.secret(SIGNING, where="the secret")
    account = erp.account
    login = [account.acct_id, account.user, account.app_id, account.app_secret]
    async with receiver, erp.serving(), httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http:
        for number in (1, 2, 3, 4, 4):
            body = orjson.dumps({"data": {"version": number}})
            headers = signature.sign(key, f"id-{number}", datetime.now(UTC), body)
            assert (await http.post(receiver.url, content=body, headers=headers)).status_code == 200
            asked = await http.post(f"{erp.url}/a.LoginByAppSecret.common.kdsvc", json={"parameters": login})
            row = {"FMaterialId": {"FNumber": "PUMP-7"}, "FQty": 1}
            data = {"Model": {"FBillNo": f"TB{number}", "FEntity": [row]}}
            cookies = {"cookie": f"kdservice-sessionid={asked.json()['KDSVCSessionId']}"}
            saved = {"formid": "STK_MisDelivery", "data": data}
            await http.post(f"{erp.url}/a.Save.common.kdsvc", json=saved, headers=cookies)
    ledger, books = receiver.ledger, erp.books
    assert (ledger.arrived, ledger.taken, ledger.calls) == (5, 4, {"id-3": 1, "id-4": 2})
    assert [one.delivery_id for one in ledger.effects] == ["id-3", "id-4"]
    assert (erp.called, erp.calls) == (10, ["LoginByAppSecret", "Save"])
    assert [bill.number for bill in books.bills] == ["TB4", "TB4"]
    assert (callback_switches(receiver).state()["calls"], kingdee_switches(erp).state()["calls"]) == (5, 10)


async def test_simulate_crm_sends_signed_webhooks_to_a_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(simulate.GATEWAY_SECRET, OTHER_SIGNING)
    asked = {"type": "ticket.note", "data": {"source_no": "CRM-1", "text": "李女士 13800001111"}}
    # Another stand-in proves them as a gateway does.
    async with CallbackReceiver(OTHER_SIGNING) as gateway:
        base = gateway.url.removesuffix("/callbacks")
        async with (
            simulating("crm", "--gateway", base) as printed,
            httpx2.AsyncClient(trust_env=False, timeout=PATIENCE_S) as http,
        ):
            assert [line for line in printed.curls if line.endswith(f"{printed.url}/_send")]
            twice = (await http.post(f"{printed.url}/_send", json={**asked, "id": "own-1", "times": 2})).json()
            assert twice["id"] == "own-1"
            assert sorted(one["answer"]["duplicate"] for one in twice["answers"]) == [False, True]
            assert [await printed.line() for _ in range(2)] == ["webhook own-1 → 200"] * 2
            for fault, code in (("wrong-signature", "bad_signature"), ("stale", "stale_delivery")):
                (refused,) = (await http.post(f"{printed.url}/_send", json={**asked, "fault": fault})).json()["answers"]
                assert refused == {"status": 401, "answer": {"code": code}}
            for wrong in ({}, {"type": "ticket.note"}, {**asked, "times": 0}, {**asked, "fault": "no-such"}):
                assert (await http.post(f"{printed.url}/_send", json=wrong)).status_code == 400
            await gateway.stop()
            (lost,) = (await http.post(f"{printed.url}/_send", json=asked)).json()["answers"]
            assert lost == {"status": None, "error": "ConnectError"}
    (taken,) = gateway.ledger.effects
    assert (taken.body["type"], taken.body["data"]) == (asked["type"], asked["data"])


@pytest.mark.parametrize("text", ["no-such", "error=0", "error=x", "error=-1", "=1", ""])
def test_simulate_a_switch_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(NoSuchSwitch):
        kingdee_switches(KingdeeSimulator(stock={})).turn_by_name(turn_of(text))


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"fault": 7}', b'{"fault": "error", "times": "x"}', b'{"fault": "error", "only": 1}']
)
def test_simulate_a_request_that_switches_nothing_is_refused_and_lists_what_there_is(body: bytes) -> None:
    erp = KingdeeSimulator(stock={})
    status, answer = kingdee_switches(erp).answer("POST", body)
    assert (status, b"session-lost" in answer, erp.switched_on) == (400, True, [])


def test_simulate_every_switch_is_listed_by_help_and_can_be_turned() -> None:
    app = typer.Typer()
    app.add_typer(simulate.commands)
    for name, faults in (("kingdee", KingdeeFault), ("u8", U8Fault), ("fxiaoke", FxiaokeFault), ("crm", CallbackFault)):
        shown = CliRunner().invoke(app, ["simulate", name, "--help"], env={**os.environ, "COLUMNS": "200"}).output
        assert [one for one in switch_names(faults) if one not in shown] == []
    erp, receiver = KingdeeSimulator(stock={}), CallbackReceiver(SIGNING)
    for fault in switch_names(KingdeeFault):
        kingdee_switches(erp).turn_by_name(Turn(fault=fault))
    assert erp.switched_on == [*switch_names(KingdeeFault)]
    for fault in switch_names(CallbackFault):
        callback_switches(receiver).turn_by_name(Turn(fault=fault))
        assert receiver.switched_on == [fault]
    with pytest.raises(NoSuchSwitch):
        callback_switches(receiver).turn_by_name(Turn(fault="error", only=["Save"]))


@pytest.mark.parametrize("name", ["wecom", "dingtalk"])
async def test_simulate_a_robot_is_sent_to_as_it_prints_and_fails_as_it_is_switched(name: str, tmp_path: Path) -> None:
    async with simulating(name, "--switch", "busy=1") as printed:
        file = tmp_path / "alerts.yaml"
        file.write_text(printed.targets, encoding="utf-8")
        ((_, config),) = load_alerts_config(file, CHANNELS).channels.items()
        secrets = EnvironmentSecrets(environment=printed.variables, where="sre")
        channel = CHANNELS[f"{name}-robot"].build(config.options, secrets, ChannelServices(name="sre", now=utc_now))
        assert "errcode -1" in (await refusal(channel, message())).why
        await channel.send(message())
        assert (await switch(printed, fault="throttled")).json()["on"] == ["throttled"]
        assert (await refusal(channel, message())).retry_after_s
        state = (await switch(printed, off=True)).json()
        assert (state["calls"], state["on"], len(state["last"])) == (3, [], 1)
        assert [await printed.line() for _ in range(3)] == ["busy", "0 【P1 告警】有死信:erp 1", "throttled"]
        await channel.close()
