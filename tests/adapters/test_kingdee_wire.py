"""Kingdee's tongue alone: numbers, bills and whatever may be answered."""

import contextlib
import json

from hypothesis import given
from hypothesis import strategies as st

from adapters.erp import kingdee_answers, kingdee_wire
from adapters.erp.kingdee_answers import Bill, BillStage
from adapters.erp.kingdee_wire import bill_number
from bus.delivery.target import DeliveryFailed
from tests.adapters.test_kingdee import call, settings, stand_in


@given(st.text())
def test_kingdee_wire_a_bill_number_fits_and_is_the_same_for_the_same_key(key: str) -> None:
    number = bill_number(key)
    assert number == bill_number(key)
    assert len(number) == 22
    assert set(number) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(["A", "B", "C", "true"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["Result", "ResponseStatus", "IsSuccess", "MsgCode", "Errors", "Id", "LoginResultType"]),
            inner,
            max_size=5,
        )
    ),
)


@given(JSON, st.binary())
def test_kingdee_wire_whatever_is_answered_is_read_without_a_crash(answer: object, raw: bytes) -> None:
    for body in (json.dumps(answer).encode(), raw):
        kingdee_answers.read(body)
        kingdee_answers.read_bills(body)
        with contextlib.suppress(DeliveryFailed):
            kingdee_answers.read_login(body)


def test_kingdee_wire_of_bills_of_one_number_the_furthest_counts() -> None:
    saved, audited, voided = (
        Bill(fid=fid, stage=stage)
        for fid, stage in (("1", BillStage.SAVED), ("2", BillStage.AUDITED), ("3", BillStage.VOIDED))
    )
    assert kingdee_answers.that_counts((saved, audited, voided)) == audited
    assert kingdee_answers.that_counts((voided, saved)) == saved
    assert kingdee_answers.that_counts((voided,)) == voided
    assert kingdee_answers.that_counts(()) is None


def test_kingdee_wire_a_department_is_named_where_one_is_set() -> None:
    wanted = kingdee_wire.order(call())
    erp = stand_in()
    assert b"FDeptId" not in kingdee_wire.save(wanted, settings(erp))
    assert b"FDeptId" in kingdee_wire.save(wanted, settings(erp, department="BM01"))
