"""Names spelled in many ways are one name (R1, R2), and a ticket is found by any of them (R43)."""

from dataclasses import replace

import pytest

from bus.domain.batch_decider import CommandResult
from bus.domain.terms import KeyKind
from bus.domain.ticket_keys import plain_number, plain_phone, spellings
from bus.domain.values import IncidentKey
from tests.domain.given import given
from tests.domain.people import OPEN


@pytest.mark.parametrize(
    "text",
    [
        "13912340000",
        "+86 139 1234 0000",
        "139-1234-0000",
        "0086-13912340000",
        " 13912340000 ",
        "１３９１２３４００００",
    ],
)
def test_ticket_keys_a_phone_is_one_phone_however_it_is_spelled(text: str) -> None:
    assert plain_phone(text) == "13912340000"


def test_ticket_keys_what_is_no_phone_at_all_stays_apart() -> None:
    assert plain_phone("无") != plain_phone("未知")
    assert plain_phone("021-5555") == "0215555"


@pytest.mark.parametrize("text", ["SN-Q1", "sn-q1", " SN-Q1 ", "sn- q1"])
def test_ticket_keys_a_serial_is_one_serial_however_it_is_spelled(text: str) -> None:
    assert plain_number(text) == "SN-Q1"
    assert "SN-Q1" in spellings(text)
    assert "1" not in spellings(text), "the digits of a serial are no phone"


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (KeyKind.PHONE, "13912340000", "+86 139-1234-0000"),
        (KeyKind.SERIAL, "SN-9", " sn-9"),
        (KeyKind.ORDER, "o1", "O1"),
    ],
)
def test_ticket_keys_a_report_joins_its_master_by_another_spelling_of_the_key(
    kind: KeyKind, first: str, second: str
) -> None:
    reports = [
        replace(OPEN, incident_key=IncidentKey(kind=kind, value=value), source_no=f"C-{number}")
        for number, value in enumerate((first, second))
    ]
    given(reports[0]).when(reports[1]).then_answer(CommandResult.JOINED)
