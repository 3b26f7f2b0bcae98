"""The stand-ins behave as the systems they stand for, tried against a small gateway of our own over real sockets."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from adapters.crm.adapter import CrmAdapter
from adapters.simulators.crm import Crm
from adapters.simulators.dispatcher import DispatcherClient
from adapters.simulators.engineer_app import EngineerApp, SubscriptionRefused
from adapters.simulators.patient_client import ATTEMPTS_MAX, NoAnswer
from tests.adapters.test_crm_translate import SECRET


class SmallGateway:
    """Answers as told by `script` (statuses first, then 200) and notes what came."""

    def __init__(self) -> None:
        self.script: list[int] = []
        self.webhooks: list[tuple[str, str, bytes]] = []
        self.posts: list[tuple[str, str, object]] = []
        self.cursors: list[str] = []
        self.log = [f"e{number}" for number in range(6)]
        self.cut_after = 2
        self.url = ""
        self.app = Starlette(
            routes=[
                Route("/v1/sources/crm/webhook", self.webhook, methods=["POST"]),
                Route("/v1/tickets", self.list),
                Route("/v1/tickets/{ticket_id}/{command}", self.command, methods=["POST"]),
                WebSocketRoute("/v1/stream", self.stream),
            ]
        )

    async def webhook(self, request: Request) -> Response:
        body = await request.body()
        from bus.intake.dispatch import utc_now

        delivery_id = CrmAdapter([SECRET]).verify(dict(request.headers), body, utc_now())
        self.webhooks.append((delivery_id, request.headers["webhook-timestamp"], body))
        return self._answer()

    async def list(self, _request: Request) -> Response:
        return JSONResponse({"tickets": [{"ticket_id": "T1"}] if self.posts else []})

    async def command(self, request: Request) -> Response:
        self.posts.append((request.url.path, request.headers["idempotency-key"], await request.json()))
        return self._answer()

    async def stream(self, websocket: WebSocket) -> None:
        await websocket.accept()
        cursor = websocket.query_params.get("cursor", "0")
        self.cursors.append(cursor)
        with contextlib.suppress(WebSocketDisconnect):
            if websocket.query_params["topics"] != "ticket.assign":
                await websocket.send_json({"kind": "error", "detail_en": "did you mean ticket.assign?"})
                await websocket.close(4404)
                return
            await websocket.send_json({"kind": "ready", "cursor": cursor})
            for number in range(int(cursor), min(int(cursor) + self.cut_after, len(self.log))):
                await websocket.send_json({"kind": "event", "cursor": str(number + 1), "data": self.log[number]})
            await websocket.close(1012)

    def _answer(self) -> Response:
        status = self.script.pop(0) if self.script else 200
        if status == 409:
            return JSONResponse({"code": "in_flight"}, status)
        return JSONResponse(
            {"results": [{"ticket_id": "T1"}]} if status == 200 else {}, status, {"ticket-trace-id": "abc"}
        )


@pytest.fixture
async def gateway() -> AsyncIterator[SmallGateway]:
    small = SmallGateway()
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        small.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(small.app, log_level="warning", lifespan="off", ws="websockets-sansio"))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        async with asyncio.timeout(60):
            while not server.started:
                await asyncio.sleep(0.01)
        try:
            yield small
        finally:
            server.should_exit = True
            await serving


async def test_simulators_the_crm_retries_a_5xx_under_the_same_id_and_learns_the_number(gateway: SmallGateway) -> None:
    gateway.script = [503, 500]
    async with Crm(gateway.url, SECRET, pause_s=0.01) as crm:
        receipt = await crm.tell("ticket.note", "CRM-1", text="你好")
        assert (receipt.status, receipt.attempts, receipt.trace_id) == (200, 3, "abc")
        assert crm.cases["CRM-1"].ticket_id == "T1"
        assert crm.cases["CRM-1"].undelivered == []
    assert len({delivery_id for delivery_id, _, _ in gateway.webhooks}) == 1
    assert len(gateway.webhooks) == 3


async def test_simulators_the_crm_keeps_a_list_of_what_never_got_through(gateway: SmallGateway) -> None:
    gateway.script = [500] * ATTEMPTS_MAX
    async with Crm(gateway.url, SECRET, pause_s=0.001) as crm:
        message = crm.message("ticket.note", "CRM-1", text="你好")
        with pytest.raises(NoAnswer):
            await crm.send(message)
        assert crm.cases["CRM-1"].undelivered == [message]


async def test_simulators_the_crm_retries_when_nobody_listens(unused_tcp_port: int) -> None:
    async with Crm(f"http://127.0.0.1:{unused_tcp_port}", SECRET, pause_s=0.001) as crm:
        with pytest.raises(NoAnswer, match="no answer"):
            await crm.tell("ticket.note", "CRM-1", text="x")


async def test_simulators_the_crm_may_send_twice_and_out_of_order(gateway: SmallGateway) -> None:
    async with Crm(gateway.url, SECRET) as crm:
        first, second = (crm.message("ticket.note", "CRM-1", text=text) for text in ("1", "2"))
        for message in (second, first, first):
            await crm.send(message)
    sent = [json.loads(body)["data"]["text"] for _, _, body in gateway.webhooks]
    assert sent == ["2", "1", "1"]


async def test_simulators_a_refusal_is_final_for_the_crm(gateway: SmallGateway) -> None:
    gateway.script = [422]
    async with Crm(gateway.url, SECRET) as crm:
        receipt = await crm.tell("ticket.note", "CRM-1", text="x")
    assert (receipt.taken, receipt.attempts) == (False, 1)


async def test_simulators_the_app_taps_once_however_often_it_asks(gateway: SmallGateway, tmp_path: Path) -> None:
    gateway.script = [503, 409]
    async with EngineerApp(gateway.url, "t", tmp_path / "cursor", person="张伟", pause_s=0.01) as app:
        answer = await app.tap("拍照", "T1", uri="oss://1.jpg")
        await app.tap("接单", "T1")
    assert answer.done
    paths, keys, bodies = zip(*gateway.posts, strict=True)
    assert paths == ("/v1/tickets/T1/add-evidence",) * 3 + ("/v1/tickets/T1/accept",)
    assert len(set(keys[:3])) == 1
    assert keys[3] != keys[0]
    assert bodies[0] == {"kind": "photo", "uri": "oss://1.jpg", "actor": "张伟"}


async def test_simulators_the_app_goes_on_from_its_cursor_across_cuts_and_restarts(
    gateway: SmallGateway, tmp_path: Path
) -> None:
    async def follow(count: int) -> list[object]:
        seen = []
        async with (
            EngineerApp(gateway.url, "t", tmp_path / "cursor", person="张伟", pause_s=0.01) as app,
            contextlib.aclosing(app.events(["ticket.assign"])) as events,
        ):
            async for event in events:
                seen.append(event["data"])
                if len(seen) == count:
                    return seen
        raise AssertionError("events never end")

    async with asyncio.timeout(60):
        assert await follow(3) == ["e0", "e1", "e2"]
        # It stopped while busy with e2, so that one comes again, and none is missing.
        assert await follow(4) == ["e2", "e3", "e4", "e5"]
    assert gateway.cursors == ["0", "2", "2", "4"]


async def test_simulators_the_app_is_told_that_a_topic_is_none(gateway: SmallGateway, tmp_path: Path) -> None:
    async with EngineerApp(gateway.url, "t", tmp_path / "cursor", person="张伟") as app:
        with pytest.raises(SubscriptionRefused, match="did you mean"):
            await anext(app.events(["ticket.assigns"]))


async def test_simulators_the_desk_waits_for_the_list_to_follow(gateway: SmallGateway) -> None:
    async with DispatcherClient(gateway.url, "t", person="王芳") as dispatcher:
        wanted = asyncio.create_task(dispatcher.listed("closed", lambda each: each["ticket_id"] == "T1"))
        status, _ = await dispatcher.assign("T1", {"person": "张伟"}, "近")
        assert status == 200
        assert await wanted == {"ticket_id": "T1"}
        assert await dispatcher.listed("closed", lambda _: False, limit_s=0.01) is None
