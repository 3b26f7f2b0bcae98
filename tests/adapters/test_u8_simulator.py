"""The simulator of U8 behaves as the real one: 200 on every failure, tokens that end, an empty list as a refusal."""

from typing import Any, Self

import httpx2
import orjson
import pytest

from adapters.simulators.rehearsal import u8_line, u8_switches
from adapters.simulators.switches import SWITCH_PATH
from adapters.simulators.u8 import U8Simulator, bill_in
from adapters.simulators.u8_books import TOKEN_CALLS, TOKEN_S
from adapters.simulators.u8_faults import AFTER, SAYS, STATUSES, WAYS, U8Fault
from tests.adapters.test_kingdee_simulator import TRUST

BILL = {
    "code": "TB2", "date": "2026-11-22", "warehousecode": "01", "receivecode": "21", "memory": "n",
    "entry": [{"inventorycode": "PUMP-7", "quantity": 2}],
}  # fmt: skip
XML = (
    '<ufinterface sender="simulated-sender-001" roottag="storeout" proc="add"><storeout><header>'
    "<receiveflag>0</receiveflag><vouchtype>09</vouchtype><code>TB3</code><warehousecode>01</warehousecode><receivecode>21</receivecode></header>"
    "<body><entry><inventorycode>PUMP-7</inventorycode><quantity>1</quantity></entry></body></storeout></ufinterface>"
)


class Client:
    """Asks the simulator as anybody would."""

    def __init__(self, erp: U8Simulator) -> None:
        self.http = httpx2.AsyncClient(base_url=erp.url, trust_env=False, timeout=60, verify=TRUST)
        who = erp.account
        self.app = {"from_account": who.from_account, "app_key": who.app_key}
        self.asked = {**self.app, "to_account": who.to_account, "ds_sequence": "1"}
        self.secret = who.app_secret

    async def __aenter__(self) -> Self:
        await self.log_in()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    async def log_in(self) -> None:
        answer = await self.get("/system/token", **self.app, app_secret=self.secret)
        self.asked["token"] = answer["token"]["id"]

    async def get(self, path: str, **asked: Any) -> Any:
        answer = await self.http.get(path, params=asked)
        assert answer.status_code == 200
        return answer.json()

    async def post(self, path: str, body: Any, **asked: Any) -> Any:
        answer = await self.http.post(path, params={**self.asked, **asked}, json={"otherout": body})
        assert answer.status_code == 200
        return answer.json()

    async def bills(self, number: str) -> Any:
        paging = {"page_index": "1", "rows_per_page": "20"}
        return await self.get("/api/otheroutlist/batch_get", **self.asked, **paging, code_begin=number, code_end=number)

    async def eai(self, xml: str) -> str:
        return (await self.http.post("/U8EAI/import.asp", content=xml.encode())).text


def simulated(**own: Any) -> U8Simulator:
    return U8Simulator(stock={"PUMP-7": 3}, queue_s=0, **own)


async def test_u8_simulator_a_bill_goes_its_way_and_numbers_of_a_page_are_texts() -> None:
    erp = simulated()
    async with erp.serving(), Client(erp) as client:
        assert (await client.bills("TB2"))["errcode"] == "20002"
        made = await client.post("/api/otherout/add", BILL, biz_id="b", sync="1")
        assert (made["errcode"], made["id"]) == ("0", "TB2")
        listed = await client.bills("TB2")
        assert [listed[name] for name in ("page_index", "rows_per_page", "page_count", "row_count")] == [
            "1",
            "20",
            "1",
            "1",
        ]
        assert [row["handler"] for row in listed["otheroutlist"]] == [""]
        assert (await client.post("/api/otherout/verify", {"voucher_code": "TB2"}))["errcode"] == "0"
        assert [row["handler"] for row in (await client.bills("TB2"))["otheroutlist"]] == ["EAI"]
        again = await client.post("/api/otherout/verify", {"voucher_code": "TB2"})
        assert (again["errcode"], "已经审核" in again["errmsg"]) == ("20005", True)
    assert erp.books.stock == {"PUMP-7": 1}


async def test_u8_simulator_queues_a_bill_and_gives_its_result_at_an_address() -> None:
    clock = [0.0]
    erp = simulated(now=lambda: clock[0])
    erp.queue_s = 5
    async with erp.serving(), Client(erp) as client:
        queued = await client.post("/api/otherout/add", BILL, biz_id="b")
        assert list(queued) == ["url"]
        request = queued["url"].rpartition("=")[2]
        assert (await client.get("/result", requestid=request))["errcode"] == "30025"
        assert (await client.post("/api/otherout/add", BILL, biz_id="b"))["errcode"] == "30025"
        assert erp.books.bills == []
        clock[0] = 5
        assert (await client.get("/result", requestid=request))["id"] == "TB2"
        assert (await client.get("/result", requestid="request-9"))["errcode"] == "20002"


async def test_u8_simulator_the_same_biz_id_gives_the_same_bill_and_the_same_number_is_refused() -> None:
    erp = simulated()
    async with erp.serving(), Client(erp) as client:
        for _ in range(2):
            assert (await client.post("/api/otherout/add", BILL, biz_id="b", sync="1"))["id"] == "TB2"
        assert "重复" in (await client.post("/api/otherout/add", BILL, biz_id="c", sync="1"))["errmsg"]
        assert len(erp.books.bills) == 1
        erp.books.takes_repeats = True
        for _ in range(2):
            await client.post("/api/otherout/add", BILL, biz_id="b", sync="1")
    assert len(erp.books.bills) == 3


async def test_u8_simulator_refuses_what_u8_refuses() -> None:
    erp = simulated()
    async with erp.serving(), Client(erp) as client:
        for body, asked, code in (
            (BILL, {}, "20001"),
            (BILL, {"biz_id": "b", "tradeid": "t"}, "20001"),
            ({**BILL, "warehousecode": ""}, {"biz_id": "b", "sync": "1"}, "20001"),
            ({**BILL, "entry": [{"inventorycode": "NO", "quantity": 1}]}, {"biz_id": "b", "sync": "1"}, "20005"),
            ({**BILL, "entry": [{"inventorycode": "PUMP-7", "quantity": 9}]}, {"biz_id": "b", "sync": "1"}, "20005"),
            ({}, {"biz_id": "b"}, "20001"),
            (7, {"biz_id": "b"}, "20001"),
        ):
            assert (await client.post("/api/otherout/add", body, **asked))["errcode"] == code, (body, asked)
        assert (await client.post("/api/otherout/verify", {"voucher_code": "NO"}))["errcode"] == "20002"
        assert (await client.get("/system/token", **client.app, app_secret="guessed"))["errcode"] == "30002"
        assert (await client.get("/api/otheroutlist/batch_get", token="guessed"))["errcode"] == "30012"
        assert (await client.post("/api/sing", {}))["errcode"] == "30004"
    assert erp.books.bills == []


async def test_u8_simulator_a_token_ends_by_time_and_by_calls() -> None:
    clock = [0.0]
    erp = simulated(now=lambda: clock[0])
    async with erp.serving(), Client(erp) as client:
        clock[0] = TOKEN_S - 1
        assert (await client.bills("TB2"))["errcode"] == "20002"
        clock[0] = TOKEN_S
        assert (await client.bills("TB2"))["errcode"] == "30012"
        await client.log_in()
        for _ in range(TOKEN_CALLS):
            erp.books.admit(client.asked)
        assert (await client.bills("TB2"))["errcode"] == "30012"


async def test_u8_simulator_eai_adds_and_finds_bills_of_the_same_books() -> None:
    erp = simulated()
    question = XML.replace('proc="add"', 'proc="query"')
    asked = (
        question[: question.index("<storeout>")]
        + '<storeout><field name="ccode" value="TB3"/></storeout></ufinterface>'
    )
    async with erp.serving(), Client(erp) as client:
        assert "<code>" not in await client.eai(asked)
        assert 'succeed="0"' in await client.eai(XML)
        assert "重复" in await client.eai(XML)
        assert "<code>TB3</code>" in await client.eai(asked)
        assert (await client.bills("TB3"))["otheroutlist"][0]["code"] == "TB3"
        assert "注册号不正确" in await client.eai(XML.replace("simulated-sender", "guessed"))
        assert "单据类型错误" in await client.eai(XML.replace(">09<", ">11<"))
        assert "参数错误" in await client.eai("<ufinterface")
        assert (await client.http.get("/u8eai/import.asp")).text == "正常"
    assert erp.books.stock == {"PUMP-7": 2}


@pytest.mark.parametrize("fault", [fault for fault in U8Fault if fault not in WAYS])
async def test_u8_simulator_each_fault_is_what_it_says_for_as_many_calls_as_asked(fault: U8Fault) -> None:
    erp = simulated()
    async with erp.serving(), Client(erp) as client:
        erp.fail(fault, times=1, only=("add",))
        answer = await client.http.post(
            "/api/otherout/add", params={**client.asked, "biz_id": "b", "sync": "1"}, json={"otherout": BILL}
        )
        if fault in STATUSES:
            assert str(answer.status_code) == STATUSES[fault][0][:3]
        elif fault in SAYS:
            assert orjson.loads(answer.content)["errcode"] == SAYS[fault].code
        assert erp.books.effects("TB2")["made"] == (fault in AFTER)
        assert (await client.post("/api/otherout/add", {**BILL, "code": "TB9", "entry": []}, biz_id="c", sync="1"))[
            "id"
        ] == "TB9"


async def test_u8_simulator_is_switched_while_it_runs_and_shows_its_books() -> None:
    erp = simulated()
    erp.switches = u8_switches(erp)
    async with erp.serving(), Client(erp) as client:
        await client.post("/api/otherout/add", BILL, biz_id="b", sync="1")
        state = (await client.http.post(SWITCH_PATH, json={"fault": "in-use", "only": ["add"]})).json()
        assert (state["on"], state["stock"]) == (["in-use"], {"PUMP-7": 3})
        assert state["bills"] == [{"number": "TB2", "note": "n", "made": 1}]
        assert "其他人" in (await client.post("/api/otherout/add", BILL, biz_id="b"))["errmsg"]
        assert (await client.http.post(SWITCH_PATH, json={"off": True})).json()["on"] == []


def test_u8_simulator_says_in_a_line_what_came_and_nothing_of_what_is_no_bill() -> None:
    assert u8_line("add", orjson.dumps({"otherout": BILL}), "") == "add TB2 n PUMP-7×2"
    assert u8_line("eai-add", XML.encode(), "busy") == "eai-add TB3  PUMP-7×1 → 开关 switch: busy"
    for body in (b"", b"7", b"<a/>", b"<", b'{"otherout": {"voucher_code": "TB2"}}'):
        assert bill_in(body) is None
        assert u8_line("verify", body, "") == "verify"


def test_u8_simulator_remembers_as_much_as_it_is_told_to() -> None:
    erp = U8Simulator(stock={"PUMP-7": 99}, most=3)
    for number in range(5):
        body = orjson.dumps({"otherout": {**BILL, "code": f"TB{number}"}})
        bill = bill_in(body)
        assert bill is not None
        erp.books.add(bill, interface="openapi")
    assert [bill.number for bill in erp.books.bills] == ["TB2", "TB3", "TB4"]
