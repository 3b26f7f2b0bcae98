"""SAP S/4 as a target, against its simulator over real sockets: each request for parts is issued once."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest

from adapters.outbound_http import HttpResponse
from adapters.sap.session import read_access
from adapters.shared_token import Token
from adapters.simulators.sap import ACCESS, FETCH, LOOKUP, POST
from adapters.simulators.sap_faults import SapFault
from bus.delivery.target import DeliveryFailed, Effect, FailureKind
from bus.domain.commands import RefuseParts
from bus.domain.events import NoteAdded
from bus.domain.values import Part
from tests.adapters.sap_systems import basic, issued, oauth, reference, sap, system
from tests.adapters.test_kingdee import ASKED, TRACE, call


async def test_sap_parts_asked_for_are_issued_by_one_document() -> None:
    erp, asked = system(), call()
    async with erp.serving(), sap(erp) as target:
        assert await target.confirm(asked) is None
        assert await target.send(asked) == issued()
        assert await target.confirm(asked) == issued()
        assert await target.send(asked) == issued()
    assert erp.calls == [LOOKUP, LOOKUP, FETCH, POST, LOOKUP, LOOKUP]
    assert erp.books.stock == {"PUMP-7": 98, "SEAL-1": 99}
    assert {head["traceparent"] for head in erp.heads} == {TRACE}
    (document,) = erp.books.documents
    assert document.posted == {
        "GoodsMovementCode": "03",
        "PostingDate": "/Date(1795305600000)/",  # the 22nd: 04:30 in the ERP's country
        "DocumentDate": "/Date(1795305600000)/",
        "ReferenceDocument": reference(asked),
        "MaterialDocumentHeaderText": "T20261122-000001 PR-1",
        "to_MaterialDocumentItem": {
            "results": [
                {
                    "Material": part.part_no,
                    "Plant": "1010",
                    "StorageLocation": "0001",
                    "GoodsMovementType": "201",
                    "CostCenter": "CC4711",
                    "EntryUnit": "EA",
                    "QuantityInEntryUnit": str(part.quantity),
                }
                for part in ASKED.parts
            ]
        },
    }


async def test_sap_twenty_calls_at_once_share_one_csrf_token_and_one_new_one() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        await asyncio.gather(*(target.send(call(number)) for number in range(20)))
        assert erp.calls.count(FETCH) == 1
        erp.books.forget_sessions()
        await asyncio.gather(*(target.send(call(number)) for number in range(20, 40)))
        assert erp.calls.count(FETCH) == 2
    assert {erp.books.effects(reference(call(number))) for number in range(40)} == {1}


@pytest.mark.parametrize("fault", [SapFault.STALE_CSRF, SapFault.STALE_CSRF_TEXT])
async def test_sap_a_token_that_is_refused_is_fetched_once_anew_within_the_call(fault: SapFault) -> None:
    erp, asked = system(), call()
    async with erp.serving(), sap(erp) as target:
        erp.fail(fault, times=1, only=(POST,))
        assert await target.send(asked) == issued()
        assert erp.calls == [LOOKUP, FETCH, POST, FETCH, POST]
        erp.fail(fault, only=(POST,))
        with pytest.raises(DeliveryFailed, match="cookies may not reach the same server") as failed:
            await target.send(call(2))
    assert failed.value.kind is FailureKind.UNAVAILABLE
    assert erp.calls[-4:] == [LOOKUP, POST, FETCH, POST]
    assert erp.books.effects(reference(call(2))) == 0


async def test_sap_a_token_goes_with_the_cookies_that_it_came_with_and_no_others() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        await target.send(call(1))
        erp.books.forget_sessions()
        await target.send(call(2))
    posts = [head["cookie"] for service, head in zip(erp.calls, erp.heads, strict=True) if service == POST]
    own = "sap-usercontext=sap-client=100; SAP_SESSIONID_S4H_100=session-{}%3d"
    assert posts == [own.format(1), own.format(1), own.format(2)]
    assert [
        head for service, head in zip(erp.calls, erp.heads, strict=True) if service != POST and "cookie" in head
    ] == []


async def test_sap_a_store_without_the_parts_refuses() -> None:
    erp, asked = system(**{"PUMP-7": 1}), call()
    async with erp.serving(), sap(erp) as target:
        effect = await target.send(asked)
        assert effect.reference == reference(asked)
        (refusal,) = effect.commands
        assert isinstance(refusal, RefuseParts)
        assert (refusal.request_no, reference(asked) in refusal.reason) == ("PR-1", True)
        assert erp.calls[-2:] == [POST, LOOKUP], "an earlier attempt may have taken the stock"
    assert erp.books.documents == []


async def test_sap_a_want_of_stock_that_an_earlier_attempt_made_is_no_refusal() -> None:
    erp, asked = system(**{"PUMP-7": 2}), call()
    async with erp.serving(), sap(erp) as first, sap(erp) as second:
        erp.books.lag_s = 3600
        await first.send(asked)
        posting = erp.books.post

        def shown_by_now(*given: object) -> object:
            erp.books.lag_s = 0
            return posting(*given)  # type: ignore[arg-type]  # handed on as they came

        erp.books.post = shown_by_now  # type: ignore[assignment,method-assign]  # the lag ends in the middle of a call
        assert await second.send(asked) == issued()
    assert erp.books.effects(reference(asked)) == 1


async def test_sap_a_material_that_is_not_there_is_for_people_to_mend() -> None:
    erp, asked = system(), call(event=replace(ASKED, parts=(Part(part_no="NO-SUCH", quantity=1),)))
    async with erp.serving(), sap(erp) as target:
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(asked)
    assert (failed.value.kind, failed.value.code) == (FailureKind.REJECTED, "M3/305")
    assert "Material NO-SUCH does not exist" in failed.value.message


async def test_sap_short_of_one_part_and_wrong_in_another_is_no_mere_want_of_stock() -> None:
    erp = system(**{"PUMP-7": 0})
    parts = (Part(part_no="NO-SUCH", quantity=1), Part(part_no="PUMP-7", quantity=1))
    async with erp.serving(), sap(erp) as target:
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call(event=replace(ASKED, parts=parts)))
    assert failed.value.kind is FailureKind.REJECTED


async def test_sap_what_is_no_request_for_parts_has_no_form_there() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        for event in (NoteAdded(text="李女士", changed=()), replace(ASKED, parts=())):
            for ask in (target.send, target.confirm):
                with pytest.raises(DeliveryFailed) as failed:
                    await ask(call(event=event))
                assert failed.value.kind is FailureKind.UNTRANSLATABLE
    assert erp.calls == []


async def test_sap_a_mended_copy_is_issued_by_itself_and_never_beside_the_document_from_before_the_edit() -> None:
    erp, asked = system(), call()
    mended = replace(call(event=replace(ASKED, parts=(Part(part_no="SEAL-1", quantity=3),))), mended=True)
    assert mended.key == asked.key
    async with erp.serving(), sap(erp) as target:
        await target.send(asked)
        with pytest.raises(DeliveryFailed, match="reverse it first") as refused:
            await target.send(mended)
        assert refused.value.kind is FailureKind.REJECTED
        erp.books.documents.clear()
        effect = await target.send(mended)
        assert await target.confirm(mended) == await target.send(mended) == effect
    assert [document.items for document in erp.books.documents] == [(("SEAL-1", 3.0),)]


async def test_sap_a_client_of_oauth_fetches_one_token_for_all_and_one_new_one_where_it_is_refused() -> None:
    erp = system()
    async with erp.serving(), sap(erp, login=oauth(erp)) as target:
        await asyncio.gather(*(target.send(call(number)) for number in range(10)))
        assert (erp.calls.count(ACCESS), erp.calls.count(FETCH)) == (1, 1)
        erp.books.forget_sessions()
        await asyncio.gather(*(target.send(call(number)) for number in range(10, 20)))
        assert (erp.calls.count(ACCESS), erp.calls.count(FETCH)) == (2, 2)
        erp.fail(SapFault.UNAUTHORIZED, only=(LOOKUP, POST))
        with pytest.raises(DeliveryFailed) as failed:
            await target.send(call(20))
        assert (failed.value.kind, erp.calls.count(ACCESS)) == (FailureKind.UNAUTHORIZED, 3)
    assert len(erp.books.documents) == 20


@pytest.mark.parametrize(("said", "valid_s"), [(3600, 3600.0), ("3600", 3600.0), (0, None), (None, None)])
def test_sap_a_token_of_oauth_is_held_as_long_as_it_says_or_until_it_is_refused(
    said: object, valid_s: float | None
) -> None:
    answer = HttpResponse(status=200, headers={}, body=orjson.dumps({"access_token": "t", "expires_in": said}))
    assert read_access(answer, datetime.now(UTC)) == Token(text="t", valid_s=valid_s)


@pytest.mark.parametrize("token", ["", "with\na line", None])
def test_sap_an_answer_without_a_token_that_can_be_sent_is_none(token: object) -> None:
    answer = HttpResponse(status=200, headers={}, body=orjson.dumps({"access_token": token, "expires_in": 3600}))
    with pytest.raises(DeliveryFailed) as failed:
        read_access(answer, datetime.now(UTC))
    assert failed.value.kind is FailureKind.UNAVAILABLE


@pytest.mark.parametrize("kind", ["basic", "oauth"])
async def test_sap_a_wrong_secret_is_unauthorized_and_told_by_nobody(kind: str) -> None:
    erp = system()
    async with erp.serving():
        login = replace(basic(erp), password="of somebody else") if kind == "basic" else oauth(erp, client_secret="no")
        async with sap(erp, login=login) as target:
            results = await asyncio.gather(*(target.send(call(number)) for number in range(5)), return_exceptions=True)
    assert {one.kind for one in results if isinstance(one, DeliveryFailed)} == {FailureKind.UNAUTHORIZED}
    assert erp.calls.count(ACCESS) == (kind == "oauth")
    assert POST not in erp.calls


async def test_sap_a_repeatable_request_says_the_same_at_each_attempt() -> None:
    erp, asked = system(), call()
    erp.books.keeps_repeats = True
    erp.books.lag_s = 3600  # look-ups show nothing: the log of repeatable requests alone keeps it to one
    async with erp.serving(), sap(erp, repeatable=True) as first, sap(erp, repeatable=True) as second:
        effects: list[Effect] = [await target.send(asked) for target in (first, second)]
    assert effects == [issued()] * 2
    assert erp.books.effects(reference(asked)) == 1
    shown = {(head.get("requestid"), head.get("repeatabilitycreation")) for head in erp.heads if "requestid" in head}
    ((request_id, created),) = shown
    assert request_id is not None
    assert (len(request_id), created) == (32, "2026-11-21T20:30:00")
    assert set(request_id) <= set("0123456789ABCDEF")


async def test_sap_without_the_option_no_repeatable_request_is_claimed() -> None:
    erp = system()
    async with erp.serving(), sap(erp) as target:
        await target.send(call())
    assert [head for head in erp.heads if "requestid" in head or "repeatabilitycreation" in head] == []


async def test_sap_says_how_long_a_look_up_that_finds_nothing_proves_nothing() -> None:
    erp = system()
    async with sap(erp, settles_s=77) as target:
        assert target.lookup_settles_s == 77
