"""`ticketbus simulate salesforce`, delivered to as it prints."""

import asyncio
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest

from adapters.contract_suites.faulty_ways import http_response, listening, read_message
from adapters.mapped.salesforce_outbound import ACK, notifications
from bus.delivery.target import DeliveryFailed
from tests.adapters.test_kingdee import call
from tests.cli.test_simulate import NOTE, simulating, switch, target
from tests.schemas.codecs import recorded


async def test_simulate_salesforce_is_delivered_to_as_it_prints_and_fails_as_it_is_switched(tmp_path: Path) -> None:
    asked = replace(call(), event=recorded(NOTE, version=2))
    async with (
        simulating("salesforce", "--switch", "session-expired=1@Write") as printed,
        target(printed, tmp_path) as salesforce,
    ):
        assert (await salesforce.send(asked)).reference.startswith("500")
        lines = [await printed.line() for _ in range(4)]
        assert [line.split()[0] for line in lines] == ["Token", "Write", "Token", "Write"]
        assert lines[1].endswith("Origin Subject Ticket_State__c → 开关 switch: session-expired")
        assert "李女士" not in "".join(lines)
        answer = await switch(printed, fault="locked", times=1, only=["Write"])
        assert (answer.status_code, answer.json()["on"]) == (200, ["locked"])
        with pytest.raises(DeliveryFailed) as failed:
            await salesforce.send(asked)
        assert failed.value.code == "UNABLE_TO_LOCK_ROW"
        state = (await switch(printed, off=True)).json()
        assert [(one["Origin"], one["Ticket_State__c"]) for one in state["records"]] == [("Ticketbus", "New")]
        assert (await salesforce.send(asked)).reference == state["records"][0]["Id"]


async def test_simulate_salesforce_sends_an_outbound_message_until_it_is_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SALESFORCE_PATH_SECRET", "a-secret-of-the-address")
    came, whole = list[bytes](), list[bytes]()

    async def gateway(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await read_message(reader))
        body = came[-1].partition(b"\r\n\r\n")[2]
        if len(notifications(body)) < 2:
            writer.write(http_response(503))
            return
        whole.append(body)
        writer.write(http_response(200, ACK if len(whole) > 1 else b"<Ack>false</Ack>"))

    async with listening(gateway) as address, simulating("salesforce", "--gateway", f"http://{address}") as printed:
        async with httpx2.AsyncClient(trust_env=False) as http:
            made = (
                await http.post(f"{printed.url}/_send", json={"Subject": "水泵不转", "SuppliedName": "李女士"})
            ).json()
            await http.post(f"{printed.url}/_send", json={"Id": made["Id"], "Status": "Working"})
        lines = [await printed.line()]
        while not lines[-1].startswith("outbound message → 200, 0 "):
            lines.append(await printed.line())
    assert len(whole) == 2
    assert all(one.startswith(b"POST /v1/sources/salesforce/webhook/a-secret-of-the-address ") for one in came)
    [first, second] = notifications(whole[-1])
    assert {first["Id"], second["Id"], first["Subject"]} == {made["Id"], "水泵不转"}
    assert first["Status"] == second["Status"] == "Working"  # as it is when it is sent
    assert [word for word in ("李女士", "a-secret") if word in "".join(lines)] == []
