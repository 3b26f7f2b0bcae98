"""Requests to Kingdee that are signed one by one, instead of a login: the vendor's own text, and no session."""

from dataclasses import replace

import pytest

from adapters.erp.kingdee_signing import signed_headers
from adapters.erp.kingdee_wire import KingdeeSettings, bill_number
from adapters.simulators.kingdee import LOGIN
from adapters.simulators.kingdee_faults import KingdeeFault
from bus.delivery.target import DeliveryFailed, FailureKind
from tests.adapters.test_kingdee import AUDIT, ONCE, QUERY, SAVE, SUBMIT, as_delivered, call, issued, kingdee, stand_in

# Of a public client whose requests the vendor's gateway takes, with made-up credentials of its own.
KNOWN = KingdeeSettings(
    base_url="https://erp.example.com",
    acct_id="dcid-1",
    user="user-1",
    app_id="123456_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
    app_secret="test-app-secret-value",
    org="100",
    stock="CK001",
    signed=True,
    signed_org="100",
)
PATH = "/K3Cloud/Kingdee.BOS.WebApi.ServicesStub.DynamicFormService.ExecuteBillQuery.common.kdsvc"
FOR_THE_ERP = {
    "X-Kd-Appkey": "123456_YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4",
    "X-Kd-Appdata": "ZGNpZC0xLHVzZXItMSwyMDUyLDEwMA==",
    "X-Kd-Signature": "NjI5MzRiZGVhNGJhOWY2N2Y2YzQ2MzQ5ODA3N2JiZTRiMDRmOTUwNjI3YWIzODU1ODBkZDdhNzgwMzdmMDgxMg==",
}


def test_kingdee_signing_gives_what_a_client_that_is_let_in_gives() -> None:
    assert signed_headers(KNOWN, PATH, at_s=1_700_000_000, nonce="1700000000") == FOR_THE_ERP | {
        "X-Api-ClientID": "123456",
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": "1700000000",
        "x-api-nonce": "1700000000",
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": "MjNhMzg5MmZiMWE1MTQ1ZGE5NWFkYmZiZWYxYzhlY2NjNzcwM2ZjNDJlZTczMzBhNzkxOTk1ODhjNDZkMTEzYw==",
    }


@pytest.mark.parametrize("app_id", ["123456", "123456_short", "123456_" + "?" * 32, "", "_"])
def test_kingdee_signing_an_id_without_the_gateways_key_is_signed_for_the_erp_alone(app_id: str) -> None:
    assert set(signed_headers(replace(KNOWN, app_id=app_id), PATH, at_s=1, nonce="1")) == set(FOR_THE_ERP)


async def test_kingdee_signing_needs_no_login_and_issues_by_one_bill() -> None:
    erp, asked = stand_in(), call()
    async with erp.serving(), kingdee(erp, signed=True) as target:
        assert await target.confirm(asked) is None
        assert await target.send(asked) == issued(asked)
    assert erp.calls == [QUERY, QUERY, SAVE, SUBMIT, AUDIT]
    assert erp.books.effects(bill_number(asked.key)) == ONCE


async def test_kingdee_signing_with_a_wrong_secret_is_unauthorized_not_a_dead_letter() -> None:
    erp = stand_in()
    async with erp.serving(), kingdee(erp, signed=True, app_secret="of somebody else") as target:
        for ask in (target.send, target.confirm):
            with pytest.raises(DeliveryFailed, match="refused") as failed:
                await ask(call())
            assert failed.value.kind is FailureKind.UNAUTHORIZED
            assert failed.value.message == "授权密钥校验失败,请获取最新密钥加密"
    assert set(erp.calls) == {QUERY}


@pytest.mark.parametrize("step", [SAVE, SUBMIT, AUDIT])
async def test_kingdee_signing_a_page_to_log_in_after_the_effect_makes_no_second_bill(step: str) -> None:
    erp, asked = stand_in(), call()
    erp.books.takes_repeats = True
    async with erp.serving(), kingdee(erp, signed=True) as target:
        erp.fail(KingdeeFault.LOGIN_PAGE_AFTER, times=1, only=(step,))
        assert await as_delivered(target, asked) == issued(asked)
    assert erp.books.effects(bill_number(asked.key)) == ONCE
    assert LOGIN not in erp.calls
