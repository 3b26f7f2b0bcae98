"""Bugs that others reported when they called SAP's OData services: none of them is ours. Each names its report."""

import orjson
import pytest

from adapters.contract_suites.faulty_ways import http_response, responding_with
from adapters.outbound_http import HttpResponse
from adapters.sap import judge
from adapters.sap.adapter import SapS4
from adapters.sap.judge import RefusedBySap
from adapters.simulators.sap import FETCH, LOOKUP, POST
from adapters.simulators.sap_faults import SapFault
from bus.delivery.target import DeliveryFailed, FailureKind
from bus.intake.dispatch import utc_now
from tests.adapters.sap_systems import SETTLES_S, issued, reference, sap, settings, system
from tests.adapters.test_kingdee import as_delivered, call


async def test_sap_reports_cloud_sdk_js_665_the_cookies_of_a_token_go_with_it() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        await target.send(call())  # the simulator knows no token without its cookies
    assert "SAP_SESSIONID_S4H_100=" in erp.heads[erp.calls.index(POST)]["cookie"]


async def test_sap_reports_odata2ts_212_a_token_is_fetched_behind_a_slash() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        await target.send(call())
    assert FETCH in erp.calls, "without the last slash the simulator knows no such service"


async def test_sap_reports_n8n_nodes_sap_odata_20_a_403_is_about_rights_only_where_it_is_not_about_the_token() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        erp.fail(SapFault.STALE_CSRF, times=1, only=(POST,))
        assert await target.send(call(1)) == issued()
        erp.fail(SapFault.FORBIDDEN, times=1, only=(POST,))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call(2))
    assert failed.value.kind is FailureKind.UNAUTHORIZED
    assert "No authorization to access Service" in failed.value.message
    assert erp.calls.count(FETCH) == 2


async def test_sap_reports_sap_on_azure_18_a_token_that_another_server_does_not_know_ends_with_a_hint() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        erp.books.knows_session = lambda *_: False  # type: ignore[method-assign]  # each request reaches another server
        with pytest.raises(DeliveryFailed, match="may not reach the same server") as failed:
            await target.send(call())
    assert failed.value.kind is FailureKind.UNAVAILABLE
    assert erp.calls == [LOOKUP, FETCH, POST, FETCH, POST]


def test_sap_reports_erpl_web_77_an_error_in_either_form_says_its_code_and_words() -> None:
    for words in ("closed", {"lang": "en", "value": "closed"}):
        body = orjson.dumps({"error": {"code": "M7/053", "message": words}})
        failed = judge.failure_of(HttpResponse(status=400, headers={}, body=body), judge.POST, utc_now(), changes=True)
        assert (failed.kind, failed.code, failed.message) == (FailureKind.REJECTED, "M7/053", "M7/053: closed")


def test_sap_reports_cap_community_70_details_without_a_severity_are_errors_all_the_same() -> None:
    detail = {"code": "M7/021", "message": "Deficit of SL Unrestricted-use 1 EA"}
    error = {"code": "403", "message": {"value": "x"}, "innererror": {"errordetails": [detail]}}
    failed = judge.failure_of(
        HttpResponse(status=400, headers={}, body=orjson.dumps({"error": error})),
        judge.POST,
        utc_now(),
        changes=True,
    )
    assert isinstance(failed, RefusedBySap)
    assert (failed.short, failed.code) == (True, "M7/021")


async def test_sap_reports_a_store_with_warehouse_management_makes_a_delivery_and_no_second_one() -> None:
    """An integrator's regression tests of GoodsIssuePostingClient: 201, an empty number and L9/514 in `sap-message`."""
    erp = system()
    async with erp.serving(), sap(erp) as target:
        erp.fail(SapFault.DELIVERY, only=(POST,))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call())
    assert failed.value.kind is FailureKind.REJECTED, "an unknown end would be tried again, and make another delivery"


async def test_sap_reports_a_read_back_that_is_empty_after_a_success_changes_nothing_of_it() -> None:
    """The same integrator: look-ups found nothing 2 + 4 + 8 s after a document was there."""
    erp, asked = system(), call()
    erp.books.lag_s = 14.0
    async with erp.serving(), sap(erp) as target:
        assert await target.send(asked) == issued()
        assert await target.confirm(asked) is None
        erp.books.lag_s = 0.0
        assert await as_delivered(target, asked) == issued()
    assert erp.books.effects(reference(asked)) == 1


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"d": {"results": [' + b"{}," * 400_000 + b"{}]}}", "李".encode("utf-16") * 5_000_000]
)
async def test_sap_reports_an_answer_of_10_mb_or_in_a_wrong_charset_is_no_answer(content: bytes) -> None:
    async with responding_with(http_response(200, content, content_type="application/json")) as url:
        target = SapS4(settings(system(), base_url=url), lookup_settles_s=SETTLES_S)
        try:
            for ask in (target.send, target.confirm):
                with pytest.raises(DeliveryFailed) as failed:
                    await ask(call())
                assert failed.value.kind is FailureKind.UNAVAILABLE
        finally:
            await target.close()
