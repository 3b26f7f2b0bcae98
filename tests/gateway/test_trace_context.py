"""W3C trace context: read as the standard asks, given back on answers, and gone on with a ticket's events."""

from collections.abc import Sequence

import orjson
import pytest
from opentelemetry.sdk.trace import TracerProvider

from adapters.crm.adapter import CrmAdapter
from adapters.webhook_signature import secret, sign
from bus.domain.commands import Request
from bus.domain.values import PLAIN_TRACE, CallerTrace
from bus.gateway.http import trace_context
from bus.intake.commands_topic import CommandsTranslator
from bus.wire.record import Record
from bus.wire.trace_context import caller_trace, parent_of, parse, read_tracestate
from schemas.messages import CommandSent
from tests.domain.people import OPEN
from tests.gateway.by_role import OPENING
from tests.gateway.conftest import Gateway
from tests.gateway.fakes import CODEC

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-00"
SECRET = "whsec_" + "QUJD" * 12


@pytest.mark.parametrize(
    "header",
    [None, "", "00", f"00-{TRACE}-b7ad6b7169203331", f"00-{'0' * 32}-b7ad6b7169203331-01", f"00-{TRACE}-{'0' * 16}-01",
     f"ff-{TRACE}-b7ad6b7169203331-01", f"00-{TRACE.upper()}-b7ad6b7169203331-01",
     f"00-{TRACE}-b7ad6b7169203331-01-more"],
)  # fmt: skip
def test_trace_context_a_traceparent_that_is_not_valid_counts_as_none(header: str | None) -> None:
    assert parse(header) is None


def test_trace_context_a_valid_traceparent_is_read_and_two_of_them_contradict_each_other() -> None:
    good = f"00-{TRACE}-b7ad6b7169203331-00"
    assert parse(good) is not None
    assert parse(f"01-{TRACE}-b7ad6b7169203331-00-future") is not None
    assert parent_of([(b"Traceparent", good.encode())]) is not None
    assert parent_of([(b"traceparent", good.encode())] * 2) is None


@pytest.mark.parametrize("byte", [b"\x80", b"\x85", b"\xa0", b"\xff"])
@pytest.mark.parametrize("parent", [PARENT, PARENT.replace("00-", "cc-", 1) + "-x"])
async def test_trace_context_a_byte_that_is_not_ascii_begins_a_new_trace(
    served: Gateway, byte: bytes, parent: str
) -> None:
    for value in (parent.encode() + byte, byte + parent.encode()):
        headers = [(b"authorization", b"Bearer admin"), (b"traceparent", value), (b"tracestate", b"a=1")]
        answer = await served.http.get("/v1/topics", headers=headers)
        assert answer.status_code == 200
        assert TRACE not in answer.headers["traceparent"]
        assert "tracestate" not in answer.headers


@pytest.mark.parametrize(
    ("values", "state"),
    [
        (["rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"], "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"),
        (["a=1", " b=2 , ,\tc=3"], "a=1,b=2,c=3"),
        (["1@vendor=a b", "x_-*/=!"], "1@vendor=a b,x_-*/=!"),
        ([], ""),
        ([","], ""),
        (["a=1,a=2"], ""),
        (["a=1", "A=2"], ""),
        (["a"], ""),
        (["a="], ""),
        (["a=\xe9"], ""),
        (["a=1\x80"], ""),
        (["a=b=c"], ""),
        ([",".join(f"k{n}=1" for n in range(33))], ""),
        (["a=" + "x" * 256], "a=" + "x" * 256),
        (["a=" + "x" * 257], ""),
        (["a=1", "long=" + "x" * 250, *[f"k{n}=" + "x" * 90 for n in range(5)]],
         "a=1," + ",".join(f"k{n}=" + "x" * 90 for n in range(5))),
        ([f"k{n}=" + "x" * 120 for n in range(8)], ",".join(f"k{n}=" + "x" * 120 for n in range(4))),
    ],
)  # fmt: skip
def test_trace_context_tracestate_is_read_as_the_standard_asks(values: Sequence[str], state: str) -> None:
    assert read_tracestate(values) == state


def test_trace_context_without_a_traceparent_a_tracestate_counts_for_nothing() -> None:
    assert caller_trace({"tracestate": "a=1"}, TRACE) == PLAIN_TRACE
    assert caller_trace({"traceparent": PARENT, "tracestate": "a=1"}, "ab" * 16) == PLAIN_TRACE
    assert parent_of([(b"tracestate", b"a=1")]) is None


@pytest.mark.parametrize("recorded", [True, False])
async def test_trace_context_the_sampled_flag_and_tracestate_come_back(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, *, recorded: bool
) -> None:
    if recorded:
        monkeypatch.setattr(trace_context, "tracer", TracerProvider().get_tracer("ticketbus"))
    for flag in ("00", "01"):
        headers = [("authorization", "Bearer admin"), ("traceparent", f"{PARENT[:-2]}{flag}")]
        states = [("tracestate", "rojo=1"), ("tracestate", "congo=2")]
        answer = await gateway.http.get("/v1/topics", headers=headers + states)
        assert answer.headers["traceparent"].startswith(f"00-{TRACE}-")
        assert answer.headers["traceparent"].endswith(f"-{flag}")
        assert answer.headers["tracestate"] == "rojo=1,congo=2"
    assert "tracestate" not in (await gateway.get("/v1/topics")).headers


async def taken(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> list[Request]:
    found = list[Request]()
    submit = gateway.group.submit

    async def watched(requests: Sequence[Request]) -> object:
        found.extend(requests)
        return await submit(requests)

    monkeypatch.setattr(gateway.group, "submit", watched)
    return found


async def test_trace_context_what_comes_by_http_or_webhook_takes_it_along(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, sources = await taken(gateway, monkeypatch), gateway.sources
    assert isinstance(sources, dict)
    sources["crm"] = CrmAdapter([SECRET])
    trace = {"traceparent": PARENT, "tracestate": "a=1"}
    assert (await gateway.post("/v1/tickets", OPENING, headers=trace)).status_code == 201
    data = {**OPENING, "source_no": "7"}
    at = gateway.deps.now()
    body = orjson.dumps({"type": "ticket.created", "timestamp": at.isoformat(), "data": data})
    headers = {**sign(secret(SECRET), "d", at, body), **trace}
    assert (await gateway.http.post("/v1/sources/crm/webhook", content=body, headers=headers)).status_code == 200
    assert [one.caller_trace for one in found] == [CallerTrace(sampled=False, tracestate="a=1")] * 2


async def test_trace_context_a_spooled_opening_keeps_it(gateway: Gateway) -> None:
    gateway.store.away = True
    await gateway.post("/v1/tickets", OPENING, headers={"traceparent": PARENT, "tracestate": "a=1"})
    [spooled] = gateway.spool.spooled
    assert caller_trace(spooled.headers, spooled.trace_id) == CallerTrace(sampled=False, tracestate="a=1")


def test_trace_context_a_command_on_kafka_takes_it_along() -> None:
    sent = CommandSent(idempotency_key="k", source="erp", actor="erp", command=OPEN)
    headers = (("traceparent", PARENT.encode()), ("tracestate", b"a=1"))
    value = CODEC.encode_record(sent)
    record = Record(topic="t", partition=0, offset=0, key=b"", value=value, headers=headers, timestamp_ms=0)
    (request,) = CommandsTranslator(codec=CODEC, bytes_max=10_000).requests(record)
    assert (request.trace_id, request.caller_trace) == (TRACE, CallerTrace(sampled=False, tracestate="a=1"))
