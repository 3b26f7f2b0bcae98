"""What a target said of a failure is stored without personal data of the event, on one line, and short."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from adapters.contract_suites.target import OPENED
from bus.cli.failure_line import failure_line
from bus.delivery.settlement import written_down
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.delivery.vendor_words import CHARS_MAX, fit_to_store
from bus.domain.events import NoteAdded
from bus.domain.values import Customer
from tests.schemas.codecs import recorded

NOTE = recorded(NoteAdded(text="李女士家\n水泵坏了,门锁密码四八二一", changed=()))
AT = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("words", "stored"),
    [
        ("", ""),
        ("  物料\n不存在\t", "物料 不存在"),
        ("备注 [李女士家 水泵坏了,门锁密码四八二一] 超长", "备注 [***] 超长"),
        ("备注超长: 李女士家 水泵坏了…", "备注超长: ***…"),
        ("门锁密码四八二一", "***"),
        ("x门锁密码四八\u200b二一门锁密码四八二一y", "x***y"),
        ("水泵坏", "水泵坏"),  # too short for a part of it
        ("客户电话 138-0000-1111 重复", "客户电话 138****1111 重复"),
        ("token whsec_abcdef= is wrong", "token whsec_*** is wrong"),
        ("nul \0 and \ud800 and \u202e turned", "nul  and  and  turned"),
    ],
)
def test_vendor_words_are_stored_masked_and_on_one_line(words: str, stored: str) -> None:
    assert fit_to_store(words, (NOTE,)) == stored


def test_vendor_words_are_cut_after_they_are_masked() -> None:
    stored = fit_to_store("甲" * (CHARS_MAX - 5) + "门锁密码四八二一" + "乙" * 5000, (NOTE,))
    assert (len(stored), stored[-6:]) == (CHARS_MAX, "甲***乙…")


def test_vendor_words_name_no_customer_in_whatever_case() -> None:
    customer = Customer(name="Anna Müller", phone="13800001111", address="云栖小区七栋")
    opened = recorded(replace(OPENED, customer=customer))
    words = "partner ANNA MÜLLER, 云栖小区七栋, is blocked; Müll too"
    assert fit_to_store(words, (opened,)) == "partner ***, ***, is blocked; Müll too"


def test_vendor_words_of_an_attempt_stand_beside_what_groups_it() -> None:
    event = recorded(NoteAdded(text="王先生要求加急", changed=()))
    failed = DeliveryFailed(
        FailureKind.REJECTED, "Save failed", status=200, code="9", message="物料 M 已禁用: 王先生要求加急"
    )
    failure = written_down(failed, at=AT, events=(event,))
    assert failure == {
        "at": "2026-11-28T08:00:00+00:00",
        "kind": "rejected",
        "detail": "Save failed",
        "status": 200,
        "code": "9",
        "message": "物料 M 已禁用: ***",
    }
    assert str(failed) == "rejected: Save failed"
    assert failure_line(failure) == "rejected HTTP 200 [9]: Save failed  对方说 it said: 物料 M 已禁用: ***"
    assert failure_line({"kind": None}) == "-"
