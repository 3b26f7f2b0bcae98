"""Names spelled in many ways are one name (R1, R2), and a ticket is found by any of them (R43)."""

from dataclasses import replace
from datetime import date
from unicodedata import normalize
from uuid import UUID

import pytest
from hypothesis import example
from hypothesis import given as given_any
from hypothesis import strategies as st

from bus.domain.batch import CommandResult
from bus.domain.phone_numbers import is_phone, mobile_number, plain_phone
from bus.domain.terms import KeyKind
from bus.domain.ticket_keys import phone_spellings, phones_of, plain_number, spellings
from bus.domain.values import Customer, IncidentKey
from tests.domain.given import given
from tests.domain.people import OPEN


@pytest.mark.parametrize(
    ("plain", "texts"),
    [
        ("13912340000", ["13912340000", "+86 139 1234 0000", "139-1234-0000", "0086-13912340000", " 13912340000 ",
                         "\uff11\uff13\uff19\uff11\uff12\uff13\uff14\uff10\uff10\uff10\uff10", "013912340000",
                         "+86 (0)139 1234 0000",
                         "1.3912340000E10", "13912340000.0", "12593 13912340000",
                         "李女士 13912340000", "13912340000(李)",
                         "086-13912340000", "电话:13912340000", "tel:+86-139-1234-0000", "139\u200b1234\u00ad0000"]),
        ("1062176966", ["010-62176966", "+86 10 62176966", "0086-10-62176966", "(010) 6217 6966", "86-10-62176966",
                        "\uff0b86\uff0d10\uff0d62176966", "+86 (0)10-62176966", "17951 010-62176966",
                        "1795101062176966"]),
        ("57188886666", ["0571-88886666", "+86 571 8888 6666", "0086 0571 88886666", "17951 0571-88886666"]),
        ("4001234567", ["400-123-4567", "+86 400 123 4567", "4001234567", "86-400-1234567", "17951 400 123 4567"]),
        ("1062176966801", ["010-62176966-801", "010-62176966 转 801", "+86 10 62176966 ext. 801",
                           "+86-10-62176966-801", "01062176966分机801", "010-62176966,801",
                           "010-62176966;801", "010-62176966\uff0c801", "010-62176966,,801", "010-62176966 ext 801"]),
        ("+12125552368", ["+1 (0)212 555 2368", "+1 (0) 212-555-2368", "001(0)2125552368", "+1 (0212) 555 2368",
                          "+1 [0]212 555 2368", "+1 0212 555 2368", "+1\uff080\uff09212 555 2368"]),
        ("+12125552368801", ["+1 (0)212 555 2368 ext. 801", "+1 (0212) 555 2368-801"]),
        ("+19991234567", ["+1 (0)999 123 4567"]),
        ("+74951234567", ["+7 (0)495 123 45 67", "+7 (0495) 123 45 67", "+7 495 123 45 67"]),
        ("+902125551234", ["+90 (0)212 555 12 34", "+90 (0212) 555 12 34"]),
        ("+85221234567", ["+852 [0] 2123 4567", "+852 (0)2123 4567", "+852 2123 4567",
                          "00852-21234567", "(+852) 2123-4567"]),
        ("+442071234567", ["+44 (0)20 7123 4567", "0044 20 7123 4567"]),
        ("+390612345678", ["+39 06 12345678", "0039 06 12345678", "+39 (0)6 12345678", "+39 (06) 12345678"]),
        ("+13512345678", ["+1 351 234 5678", "001 351 234 5678"]),
        ("13512345678", ["135 1234 5678"]),
        ("17912003456", ["17912003456", "179-1200-3456", "+86 179 1200 3456", "0179 1200 3456"]),
        ("19147005807", ["19147005807", "191 4700 5807"]),
        ("2987388888", ["02987388888", "2987388888", "+862987388888"]),
    ],
)  # fmt: skip
def test_ticket_keys_a_phone_is_one_phone_however_it_is_spelled(plain: str, texts: list[str]) -> None:
    assert {plain_phone(text) for text in texts} == {plain}


@pytest.mark.parametrize("text", [
    "tel:13912340000", "电话:010-62176966", "办公010-62176966", "010-62176966(办公)", "李女士 13912340000",
    "13912340000(李)", "1.3912340000E10", "010-62176966 ext 801", "tel 62176966", "Tel.95588", "SN-13912340000",
])  # fmt: skip
def test_ticket_keys_a_phone_s_ticket_is_found_by_the_text_that_opened_it(text: str) -> None:
    assert plain_phone(text) in phone_spellings(text)


def test_ticket_keys_a_phone_that_an_earlier_version_stored_with_its_trunk_zero_is_found() -> None:
    assert "102125552368" in phone_spellings("+1 (0212) 555 2368")


@pytest.mark.parametrize("text", ["SN20260101", "SN-20260101", "A-95588", "T20261122", "x-1234567"])
def test_ticket_keys_a_serial_with_the_digits_of_a_short_phone_is_none(text: str) -> None:
    assert phone_spellings(text) == []


@pytest.mark.parametrize("text", [
    "13912340000", "400-123-4567", "013912340000", "+86 013912340000", "4001234567", "(400)123-4567", "400 1234 567",
    "+864001234567", "86-10-62176966", "571-88886666", "+ 86 10 62176966", "8001234567", "010-62176966-801",
    "+852 2123 4567", "+1 212 555 0123", "+39 06 12345678", "+81 3 1234 5678", "+7 495 123 4567", "+44 20 7123 4567",
    "00852 21234567", "+852 (0)2123 4567", "+1 (0)212 555 2368", "+1 (0212) 555 2368",
    "tel:010-62176966", "\uff0b\uff18\uff16 10 62176966", "17951 010-62176966",
    "李女士 021-62176966", "1.3912340000E10", "010-62176966 ext 801",
])  # fmt: skip
def test_ticket_keys_a_phone_is_known_for_one(text: str) -> None:
    assert is_phone(text)


_DIGITS = st.text("0123456789", min_size=6, max_size=6)


@given_any(st.uuids(), st.dates(date(1900, 1, 1), date(2200, 1, 1)), _DIGITS)
def test_ticket_keys_numbers_of_the_bus_are_no_phones(an_id: UUID, day: date, number: str) -> None:
    for text in (str(an_id), an_id.hex, f"T{day:%Y%m%d}-{number}", f"{day:%Y%m%d}{number}", f"{day}-{number}"):
        assert not is_phone(text)


@given_any(
    st.sampled_from(("SN-", "SN", "WO", "PR-", "CK-", "E", "A0")), st.text("0123456789-", min_size=6, max_size=14)
)
@example("KD", "13912340000")
@example("X-", "4001234567")
def test_ticket_keys_serials_are_no_phones(prefix: str, digits: str) -> None:
    assert not is_phone(prefix + digits)


@pytest.mark.parametrize("text", ["62176966", "20260101", "2026112200017", "9787111213826", "6901234567892", "1"])
def test_ticket_keys_bare_digits_that_no_plan_gives_out_are_no_phone(text: str) -> None:
    assert not is_phone(text)


def test_ticket_keys_bare_digits_lose_nothing_that_may_be_their_own() -> None:
    bare = ("865-609-8731", "864 687 9756", "860-914-9821", "1251234567890", "11013800138000")
    assert [plain_phone(text) for text in bare] == ["".join(filter(str.isdigit, text)) for text in bare]


@pytest.mark.parametrize(
    ("text", "mobile"),
    [
        ("138-0000-1111 转 2", "13800001111"),
        ("+86 138 0000 1111", "13800001111"),
        ("010-62176966, 13800001111", "13800001111"),
        ("13800001111/13900002222", "13800001111"),
        ("+49 170 1234567", "+491701234567"),
        ("010-62176966", ""),
        ("王工", ""),
        ("", ""),
    ],
)
def test_ticket_keys_a_message_goes_to_the_first_mobile_without_its_extension(text: str, mobile: str) -> None:
    assert mobile_number(text) == mobile


def test_ticket_keys_a_phone_of_no_numbering_plan_is_its_digits() -> None:
    assert [plain_phone(text) for text in ("021-5555", "95588", "1" * 20)] == ["0215555", "95588", "1" * 20]


@pytest.mark.parametrize(
    "text",
    ["SN-Q1", "sn-q1", " SN-Q1 ", "sn- q1", "\uff33\uff2e\uff0d\uff31\uff11", "SN\u2010Q1", "SN\u2011Q1",
    "SN\u2013Q1", "SN\u2014Q1",
     "SN\u2014\u2014Q1", "SN\u2212Q1", "SN\ufe63Q1", "SN-\u200bQ1", "SN-Q\u00ad1", "\ufeffSN-Q1", "SN-Q1\u3164",
     "SN-Q1\u2800", "SN\u3000-Q1"],
)  # fmt: skip
def test_ticket_keys_a_serial_is_one_serial_however_it_is_spelled(text: str) -> None:
    assert plain_number(text) == "SN-Q1"
    assert "SN-Q1" in spellings(text)
    assert phone_spellings(text) == [], "the digits of a serial are no phone"


def test_ticket_keys_what_only_looks_alike_is_another_serial() -> None:
    serials = ("SN-O1", "SN-01", "SN-I1", "SN-l0", "SN-10", "SN--O1", "SNO1", "SN-\u041e1")
    assert len({plain_number(text) for text in serials}) == len(serials)


@given_any(st.text(max_size=20))
@example("A\u00b4")
@example("\u0149\u200d\u0301")
def test_ticket_keys_a_number_has_one_spelling_whatever_version_stored_it(text: str) -> None:
    earlier = "".join(text.split()).upper()
    assert plain_number(plain_number(text)) == plain_number(text) == plain_number(normalize("NFD", text))
    assert plain_number(earlier) == plain_number(earlier.upper())
    assert plain_number(plain_number(earlier)) == plain_number(earlier)


@pytest.mark.parametrize(
    "text", ["010-62176966", "+86 10 62176966", "0086-10-62176966", "00852-21234567", "+8613912340000"]
)
def test_ticket_keys_a_phone_is_found_by_what_an_earlier_version_stored(text: str) -> None:
    digits = "".join(filter(str.isdigit, text))
    assert {plain_phone(text), digits} <= {*phone_spellings(text)}


@pytest.mark.parametrize(
    ("kind", "first", "second"),
    [
        (KeyKind.PHONE, "13912340000", "+86 139-1234-0000"),
        (KeyKind.PHONE, "010-62176966", "+86 10 62176966"),
        (KeyKind.SERIAL, "SN-9", " sn-9"),
        (KeyKind.SERIAL, "SN-9", "\uff33\uff2e\u20149\u200b"),
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


@pytest.mark.parametrize("phone", ["无", "N/A", "00000000000", "1234", "微信"])
def test_ticket_keys_a_customer_without_a_phone_is_found_by_none(phone: str) -> None:
    assert phones_of(replace(OPEN, customer=Customer(phone=phone))) == set()
