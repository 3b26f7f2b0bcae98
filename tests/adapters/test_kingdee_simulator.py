"""The stand-in for Kingdee K3Cloud behaves as the real one: 200 on every failure, lost sessions, a second bill."""

import asyncio
import contextlib
from collections import Counter
from typing import Any

import httpx2
import orjson
import pytest

from adapters.simulators.kingdee import LOGIN, KingdeeSimulator
from adapters.simulators.kingdee_faults import KingdeeFault

FORM = "STK_MisDelivery"
QUERY, SAVE, SUBMIT, AUDIT = "ExecuteBillQuery", "Save", "Submit", "Audit"


def stand_in() -> KingdeeSimulator:
    return KingdeeSimulator(stock={"PUMP-7": 3}, byte_pause_s=0.001)


TRUST = httpx2.create_ssl_context(trust_env=False)  # read once: it takes longer than a test


def client(erp: KingdeeSimulator) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=erp.url, trust_env=False, timeout=60, verify=TRUST)


def path(method: str) -> str:
    service = "AuthService" if method == LOGIN else "DynamicFormService"
    return f"/k3cloud/Kingdee.BOS.WebApi.ServicesStub.{service}.{method}.common.kdsvc"


async def ask(http: httpx2.AsyncClient, method: str, body: object) -> Any:
    answer = await http.post(path(method), json=body)
    assert answer.status_code == 200
    return answer.json()


async def log_in(http: httpx2.AsyncClient, erp: KingdeeSimulator) -> Any:
    who = erp.account
    return await ask(http, LOGIN, {"parameters": [who.acct_id, who.user, who.app_id, who.app_secret, 2052]})


def bill(number: str = "B-1", part: str = "PUMP-7", quantity: int = 1) -> dict[str, Any]:
    entity = [{"FMaterialId": {"FNumber": part}, "FQty": quantity}]
    return {"Model": {"FID": 0, "FBillNo": number, "FEntity": entity}}


def status(answer: Any) -> Any:
    return answer["Result"]["ResponseStatus"]


async def save(http: httpx2.AsyncClient, data: object) -> Any:
    return await ask(http, SAVE, {"formid": FORM, "data": data})


async def query(http: httpx2.AsyncClient, number: str, keys: str = "FID,FBillNo,FDocumentStatus") -> Any:
    return await ask(http, QUERY, {"data": {"FormId": FORM, "FieldKeys": keys, "FilterString": f"FBillNo='{number}'"}})


async def test_kingdee_simulator_only_who_knows_the_secret_is_let_in() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        refused = await ask(http, LOGIN, {"parameters": ["data-centre-1", "ticketbus", "app", "guessed", 2052]})
        assert (refused["LoginResultType"], dict(http.cookies)) == (0, {})
        taken = await log_in(http, erp)
        assert taken["LoginResultType"] == 1
        assert dict(http.cookies)["kdservice-sessionid"] == taken["KDSVCSessionId"]
        assert "ASP.NET_SessionId" in dict(http.cookies)


async def test_kingdee_simulator_data_may_be_a_string_or_an_object_and_a_bill_goes_its_way() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        saved = await save(http, orjson.dumps(bill("B-1")).decode())
        assert status(saved)["IsSuccess"]
        assert saved["Result"]["Number"] == "B-1"
        fid = saved["Result"]["Id"]
        assert status(await save(http, bill("B-2")))["IsSuccess"]
        assert await query(http, "B-1") == [[fid, "B-1", "A"]]
        for method, after in ((SUBMIT, "B"), (AUDIT, "C")):
            assert status(await ask(http, method, {"formid": FORM, "data": {"Ids": str(fid)}}))["IsSuccess"]
            assert await query(http, "B-1") == [[fid, "B-1", after]]
        again = status(await ask(http, AUDIT, {"formid": FORM, "data": {"Numbers": ["B-1"]}}))
        assert (again["IsSuccess"], again["MsgCode"]) == (False, 12)
    assert erp.books.effects("B-1") == Counter(made=1, submitted=1, audited=1)
    assert erp.books.stock == {"PUMP-7": 2}


async def test_kingdee_simulator_a_second_save_makes_a_second_bill_unless_repeats_are_to_be_refused() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        for _ in range(2):
            assert status(await save(http, bill()))["IsSuccess"]
        assert erp.books.effects("B-1") == Counter(made=2)
        refused = status(await save(http, {**bill(), "ValidateRepeatJson": "true"}))
        assert (refused["IsSuccess"], refused["ErrorCode"], refused["MsgCode"]) == (False, 500, 11)
    assert erp.books.effects("B-1") == Counter(made=2)


async def test_kingdee_simulator_failures_of_business_are_told_with_200() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        assert status(await save(http, bill()))["MsgCode"] == 1  # nobody is logged in
        assert status((await query(http, "B-1"))[0][0])["MsgCode"] == 1
        await log_in(http, erp)
        unknown = status(await save(http, bill(part="NO-SUCH")))
        assert (unknown["MsgCode"], unknown["Errors"][0]["FieldName"]) == (9, "FMaterialId")
        assert status((await query(http, "B-1", keys="FNoSuch"))[0][0])["MsgCode"] == 9
        assert status(await ask(http, SUBMIT, {"formid": FORM, "data": {"Ids": "7"}}))["MsgCode"] == 10
        assert status(await ask(http, "Sing", {"formid": FORM, "data": {}}))["MsgCode"] == 3
        assert status(await ask(http, SAVE, {"formid": "PUR_Order", "data": {}}))["MsgCode"] == 5
        for nonsense in ({"formid": FORM, "data": "no json"}, {"formid": FORM, "data": {"Model": 1}}, [1]):
            assert status(await ask(http, SAVE, nonsense))["MsgCode"] == 8
    assert erp.books.bills == []


async def test_kingdee_simulator_what_the_store_has_not_is_asked_about_and_goes_out_when_told_to() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        fid = str((await save(http, bill(quantity=5)))["Result"]["Id"])
        await ask(http, SUBMIT, {"formid": FORM, "data": {"Ids": fid}})
        asked = status(await ask(http, AUDIT, {"formid": FORM, "data": {"Ids": fid}}))
        assert (asked["MsgCode"], asked["Errors"][0]["FieldName"]) == (11, "AbstractInteractionResult")
        go_on = {"Ids": fid, "InterationFlags": "STK_InvCheckResult"}
        assert status(await ask(http, AUDIT, {"formid": FORM, "data": go_on}))["IsSuccess"]
    assert erp.books.stock == {"PUMP-7": -2}


async def test_kingdee_simulator_a_bill_is_taken_back_and_voided() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        fid = str((await save(http, bill()))["Result"]["Id"])
        data = {"formid": FORM, "data": {"Ids": fid}}
        for method, extra in ((SUBMIT, {}), ("CancelAssign", {}), ("ExcuteOperation", {"opNumber": "Cancel"})):
            assert status(await ask(http, method, {**data, **extra}))["IsSuccess"]
        assert (await query(http, "B-1", keys="FDocumentStatus,FCancelStatus")) == [["D", "B"]]
        assert status(await ask(http, SUBMIT, data))["MsgCode"] == 12
    assert erp.books.effects("B-1") == Counter(made=1, submitted=1, taken_back=1, voided=1)


async def test_kingdee_simulator_sessions_end_by_idling_and_by_a_restart_and_the_books_stay() -> None:
    clock = [0.0]
    erp = KingdeeSimulator(stock={"PUMP-7": 3}, now=lambda: clock[0])
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        clock[0] = 19 * 60
        assert status(await save(http, bill()))["IsSuccess"]
        clock[0] += 21 * 60
        assert (await query(http, "B-1"))[0][0]["Result"]["ResponseStatus"]["MsgCode"] == 1
        await log_in(http, erp)
    port = erp.port
    async with erp.serving(), client(erp) as http:
        assert erp.port == port
        assert status((await query(http, "B-1"))[0][0])["MsgCode"] == 1
        await log_in(http, erp)
        assert len(await query(http, "B-1")) == 1


CODES = {
    KingdeeFault.SESSION_LOST: 1,
    KingdeeFault.SESSION_WORDS: 0,
    KingdeeFault.SESSION_FOREIGN: 0,
    KingdeeFault.IN_USE: 11,
    KingdeeFault.BROKE: 4,
    KingdeeFault.DISK_FULL: 6,
    KingdeeFault.REFUSED: 11,
    KingdeeFault.THROTTLED: 14,
}
SILENT = {KingdeeFault.HANG, KingdeeFault.HANG_AFTER, KingdeeFault.SLOW, KingdeeFault.ENDLESS}
RESETS = {KingdeeFault.RESET, KingdeeFault.RESET_AFTER, KingdeeFault.CUT_AFTER}
AFTER = {
    KingdeeFault.ERROR_AFTER,
    KingdeeFault.HANG_AFTER,
    KingdeeFault.RESET_AFTER,
    KingdeeFault.LOGIN_PAGE_AFTER,
    KingdeeFault.SLOW,
    KingdeeFault.REPEATED,
    KingdeeFault.BOM,
    KingdeeFault.ESCAPED,
    KingdeeFault.CUT_AFTER,
    KingdeeFault.PAGE_REPEATS,
}


@pytest.mark.parametrize("fault", KingdeeFault)
async def test_kingdee_simulator_each_fault_is_what_it_says_for_as_many_calls_as_told(fault: KingdeeFault) -> None:
    erp = KingdeeSimulator(stock={"PUMP-7": 3}, byte_pause_s=1)
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        erp.fail(fault, times=1, only=(SAVE,))
        assert await query(http, "B-1") == []  # not one of those that are to fail
        asked = http.post(path(SAVE), json={"formid": FORM, "data": bill()})
        if fault in SILENT:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asked, 0.2)
        elif fault in RESETS:
            with pytest.raises((httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError)):
                await asked
        else:
            expect(await asked, fault)
        assert erp.books.effects("B-1")["made"] == (1 if fault in AFTER else 0)
        assert status(await save(http, bill("B-2")))["IsSuccess"]  # one call was to fail


def expect(answer: httpx2.Response, fault: KingdeeFault) -> None:
    told = fault.value[:3]
    assert answer.status_code == (int(told) if told.isdigit() else 200)
    if fault in CODES or fault is KingdeeFault.REPEATED:
        said = status(answer.json())
        assert (said["MsgCode"], said["IsSuccess"]) == (CODES.get(fault, 0), fault is KingdeeFault.REPEATED)
        assert len(said["SuccessEntitys"]) == (2 if fault is KingdeeFault.REPEATED else 0)
    elif fault is KingdeeFault.BOM:
        assert answer.content[:3] == b"\xef\xbb\xbf"
        assert status(orjson.loads(answer.content[3:]))["IsSuccess"]
    elif fault is KingdeeFault.ESCAPED:
        assert status(orjson.loads(answer.json()))["IsSuccess"]
    elif fault is KingdeeFault.PAGE_REPEATS:
        assert status(answer.json())["IsSuccess"]
    else:
        assert answer.headers["content-type"].startswith("text/html")


async def test_kingdee_simulator_a_fault_without_a_number_lasts_until_it_is_healed() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        erp.fail(KingdeeFault.THROTTLED)
        for _ in range(3):
            assert status(await save(http, bill()))["MsgCode"] == 14
        erp.heal()
        assert status(await save(http, bill()))["IsSuccess"]


async def test_kingdee_simulator_a_slow_answer_is_the_true_one_in_the_end() -> None:
    erp = stand_in()
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        erp.fail(KingdeeFault.SLOW, times=1)
        assert status(await save(http, bill()))["IsSuccess"]


async def test_kingdee_simulator_what_is_no_http_is_cut_off() -> None:
    erp = stand_in()
    async with erp.serving():
        for nonsense in (b"hello\r\n\r\n", b"\0" * 70_000, b"POST / HTTP/1.1\r\ncontent-length: x\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", erp.port)
            writer.write(nonsense)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), 120) == b""
            writer.close()


async def test_kingdee_simulator_gives_pages_of_a_list_and_never_more_rows_than_it_may() -> None:
    erp = stand_in()
    erp.books.page_rows = 2
    async with erp.serving(), client(erp) as http:
        await log_in(http, erp)
        for number in range(3):
            await save(http, bill(f"TB{number}"))

        async def page(after: int, **own: Any) -> list[Any]:
            wanted = f"FBillNo in ('TB0','TB1','TB2') and FID>{after}"
            asked = {"FormId": FORM, "FieldKeys": "FID,FBillNo", "FilterString": wanted, "Limit": 2000, **own}
            return list((await http.post(path(QUERY), json={"data": orjson.dumps(asked).decode()})).json())

        first = await page(0)
        assert [number for _, number in first] == ["TB0", "TB1"]
        assert [number for _, number in await page(first[-1][0])] == ["TB2"]
        assert [number for _, number in await page(0, StartRow=1, Limit=1)] == ["TB1"]
        erp.fail(KingdeeFault.PAGE_REPEATS, times=1, only=(QUERY,))
        assert await page(first[-1][0]) == first
