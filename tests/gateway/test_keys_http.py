"""Over HTTP one incident is one ticket however its key is spelled, and what is no key opens none (R1, R2)."""

import pytest

from tests.gateway.conftest import OPENING, Gateway


@pytest.mark.parametrize(
    ("kind", "value", "code"),
    [("serial", "无", "no_key"), ("order", "N/A", "no_key"), ("phone", "00000000000", "no_key"),
     ("phone", "无", "no_key"), ("serial", "\u200b", "missing"), ("serial", "---", "no_key")],
)  # fmt: skip
async def test_keys_http_two_strangers_without_a_key_are_both_refused(
    gateway: Gateway, kind: str, value: str, code: str
) -> None:
    for number in ("C-1", "C-2"):
        opening = {**OPENING, "source_no": number, "incident_key": {"kind": kind, "value": value}}
        answer = await gateway.post("/v1/tickets", opening)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert answer.json()["field"] == "incident_key.value"
        assert not answer.json()["detail"].isascii()
    assert not gateway.store.log


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [("phone", "010-62176966", "+86 10 62176966"), ("phone", "400-123-4567", "0086 400 123 4567"),
     ("serial", "SN-1", "\uff33\uff2e\u2014\uff11"), ("order", "cafe\u0301-1", "caf\u00e9\u20111")],
)  # fmt: skip
async def test_keys_http_two_spellings_of_one_key_are_one_ticket(
    gateway: Gateway, kind: str, first: str, second: str
) -> None:
    tickets = set()
    for number, value in enumerate((first, second)):
        opening = {**OPENING, "source_no": f"C-{number}", "incident_key": {"kind": kind, "value": value}}
        answer = await gateway.post("/v1/tickets", opening)
        assert answer.status_code in {200, 201}
        tickets.add(answer.json()["ticket_id"])
    assert len(tickets) == 1
