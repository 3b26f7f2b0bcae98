"""The dead-letter room through the real gateway: a system's command is mended over HTTP, and takes effect (R38)."""

from uuid import uuid4

from bus.domain.commands import Note
from bus.intake.dispatch import utc_now
from bus.postgres.pool import connected
from bus.wire.rejected_input import RejectedInput
from deadletter.dead_letter import of_input
from deadletter.store import post
from schemas.messages import CommandSent
from tests.bus_under_test import Bus
from tests.e2e.test_commands_topic import took_effect
from tests.gateway.by_role import OPENING

WHY = {"why": "料号录错"}


async def letter(bus: Bus, sent: CommandSent) -> int:
    """Put a command of a system into the room; gives the letter's number."""
    async with bus.core() as core, connected(core.pool) as connection:
        dead = RejectedInput(
            origin="commands", origin_ref=sent.idempotency_key, source=sent.source, code="not_now", field="ticket_id",
            detail_zh="现在不行", detail_en="not now", body=core.codec.encode_record(sent), trace_id=uuid4().hex,
            kind="refused",
        )  # fmt: skip
        (number,) = await post(connection, [of_input(dead, utc_now())], core.codec.encode_record)
    return number


async def test_deadletters_a_letter_is_found_mended_and_sent_again_over_http(running: Bus) -> None:
    bus, key = running, uuid4().hex
    opens, edits, retries = ({"Idempotency-Key": uuid4().hex} for _ in range(3))
    async with bus.client() as http:
        opening = {**OPENING, "incident_key": {"kind": "serial", "value": f"SN-{key[:8]}"}}
        ticket = (await http.post("/v1/tickets", json=opening, headers=opens)).json()["ticket_id"]
        sent = CommandSent(idempotency_key=key, source="mes", actor="李工", ticket_id=ticket, command=Note(text="M-18"))
        number = await letter(bus, sent)
        shown = (await http.get(f"/v1/deadletters/{number}")).json()
        assert shown["decoded"]["text"] == "M-18"
        groups = (await http.get("/v1/deadletters", params={"origin": "commands"})).json()["groups"]
        assert shown["cause"] in [group["cause"] for group in groups]
        edit = {"changes": {"text": "M-17"}, **WHY}
        edited = await http.post(f"/v1/deadletters/{number}/edit", json=edit, headers=edits)
        copy = edited.json()["letter"]
        for replayed in (None, "true"):
            retry = await http.post("/v1/deadletters/retry", json={"letters": [copy], **WHY}, headers=retries)
            assert (retry.status_code, retry.headers.get("idempotent-replayed")) == (200, replayed)
        await took_effect(bus, key)
        events = (await http.get(f"/v1/tickets/{ticket}/events")).json()["events"]
        assert [one["text"] for one in events if one["event_type"] == "note.added.v1"] == ["M-17"]
        decisions = (await http.get(f"/v1/deadletters/{copy}")).json()["decisions"]
        assert [(one["decision"], one["by"]) for one in decisions] == [("retried", "first-admin")]
