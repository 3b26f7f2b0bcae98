"""Spans by the messaging conventions, logs in one form with personal data masked; the SDK wired once."""

import io
import json
import logging
import os
import subprocess
import sys
from contextlib import redirect_stderr
from uuid import UUID

import pytest
import structlog
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber
from opentelemetry.sdk.resources import Resource
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary

from bus.observability.exemplars import exemplar_of
from bus.observability.logging import configure
from bus.observability.masking import mask_event, mask_text
from bus.observability.prometheus_points import metrics_data
from bus.observability.spans import LINKS_MAX, links
from bus.settings import mask_password
from bus.wire.headers import traceparent
from tests.otlp_collector import collecting, texts

EVENT = UUID("01a203d1-dd91-7743-930a-0448fe8f7199")


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("请回电 13812345678", "请回电 138****5678"),
        ("+86 138-1234-5678", "+86****5678"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer ***"),
        ("postgresql://ticketbus:geheim@127.0.0.1/x", "postgresql://ticketbus:***@127.0.0.1/x"),
        ("whsec_dGVzdA==", "whsec_***"),
        ("T20261122-000123", "T20261122-000123"),
        ("2026-01-18T08:00:00.123456Z", "2026-01-18T08:00:00.123456Z"),
        ("tel13812345678x", "tel138****5678x"),
        (
            "\uff11\uff13\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
            "\uff11\uff13\uff18****\uff15\uff16\uff17\uff18",
        ),
        ("138.1234.5678 或 0086 138 1234 5678", "138****5678 或 008****5678"),
        ("座机 010-62176966,+86 571-87654321,400-810-8888", "座机 010****6966,+86****4321,400****8888"),
        ("offset 62176966 of 2026-11-28", "offset 62176966 of 2026-11-28"),
        ("(021)62345678,02162345678,+8621 6234 5678", "(021****5678,021****5678,+86****5678"),
        ("138\u200b0000\u200b1111 138\u30000000\u30001111", "138****1111 138****1111"),
        ("138/0000/1111 138_0000_1111 138\u20130000\u20131111", "138****1111 138****1111 138****1111"),
        (
            "\u0661\u0663\u0668\u0660\u0660\u0660\u0660\u0661\u0662\u0663\u0664",
            "\u0661\u0663\u0668****\u0661\u0662\u0663\u0664",
        ),
        ("took 0.0216234567812 s, 1764345678901 ms", "took 0.0216234567812 s, 1764345678901 ms"),
        ("T20261122-021623456789", "T20261122-021623456789"),
        ("trace bc319ae68f577e18f13812345678f734 lost", "trace bc319ae68f577e18f13812345678f734 lost"),
        ("13812345-6780-4137-8000-113812345678", "13812345-6780-4137-8000-113812345678"),
        ("errmsg access_token=24.abc.259 appSecret=9f8e", "errmsg access_token=*** appSecret=***"),
        ('{"access_token":"a b","app_key": "k"}', '{"access_token":"***","app_key": "***"}'),
        (r"{\"token\":\"abc\"}", r"{\"token\":\"***\"}"),
        ("密码\uff1aPassw0rd!\uff0c请改", "密码\uff1a***\uff0c请改"),
        ("/cb?t=1&sign=AB%2F&x=2 JSESSIONID=A1; Path", "/cb?t=1&sign=***&x=2 JSESSIONID=***; Path"),
        ("Authorization: Basic dXNlcg== webhook-signature: v1,abc=", "Authorization: Basic *** webhook-signature: ***"),
        ("<access_token>abc</access_token>", "<access_token>***</access_token>"),
        ("身份证 11010519491231002X,订单 110105194912310021", "身份证 110****002X,订单 110105194912310021"),
        (
            "no field 'token': send it; design=blue; 7 tokens: ok",
            "no field 'token': send it; design=blue; 7 tokens: ok",
        ),
        ("Unexpected token < in JSON; idempotency_key=a-1", "Unexpected token < in JSON; idempotency_key=a-1"),
    ],
)
def test_observability_text_is_masked(text: str, masked: str) -> None:
    assert mask_text(text) == masked


def test_observability_personal_fields_are_masked_however_deep_they_lie() -> None:
    event = {"event": "x", "ticket_id": "T1", "body": {"customer": {"name": "李雷"}, "list": [{"phone": "1"}]}}
    said = json.dumps(mask_event(None, "info", event), ensure_ascii=False)
    assert "李雷" not in said
    assert '"phone": "***"' in said
    assert "T1" in said


def test_observability_a_link_leads_to_the_ticket_s_trace_and_garbage_gives_none() -> None:
    made = links([traceparent("a" * 32, EVENT), "garbage", traceparent("0" * 32, EVENT)])
    assert [f"{one.context.trace_id:032x}" for one in made] == ["a" * 32]
    assert len(links(traceparent("a" * 32, EVENT) for _ in range(100))) == LINKS_MAX


def test_observability_every_line_is_json_in_utc_and_the_libraries_lines_too() -> None:
    said = io.StringIO()
    before = logging.getLogger().handlers[:], logging.getLogger().level
    try:
        with redirect_stderr(said):
            configure("tester")
            structlog.get_logger().info("hello", customer="李雷", ticket_id="T1")
            logging.getLogger("aiokafka").warning("call 13812345678")
    finally:
        logging.getLogger().handlers[:], level = before
        logging.getLogger().setLevel(level)
        structlog.reset_defaults()
        structlog.contextvars.clear_contextvars()
    ours, theirs = [json.loads(line) for line in said.getvalue().splitlines()]
    assert (ours["event"], ours["level"], ours["customer"], ours["program"]) == ("hello", "info", "***", "tester")
    assert ours["at"].endswith("Z")
    assert theirs["event"] == "call 138****5678"


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "text",
    [
        'token="',
        "authorization: a ",
        "://a",
        "://a:",
        "password=",
        "1381",
        "bearer ",
        "0571-",
        "138\u200b",
        "138\u3000",
        "(021)",
        "\u0661",
    ],
)
def test_masking_a_megabyte_that_begins_again_and_again_comes_to_an_end(text: str) -> None:
    for mask in (mask_text, mask_password):
        mask(text * (1024 * 1024 // len(text)))


_EXPORTING = """
import logging, sys, time
import structlog
from opentelemetry import trace
from bus.observability.logging import configure
configure(sys.argv[1])
log = structlog.get_logger()
log.info("taken", phone="13812345678", note="call 13812345678", trace_id="ab" * 16, count=3, body={"token": "t0p"})
logging.getLogger("library").warning("of 13912345678")
with trace.get_tracer("t").start_as_current_span("work") as span:
    log.error("inside")
    print(f"{span.get_span_context().span_id:016x}")
"""
_FAST = {"OTEL_BSP_SCHEDULE_DELAY": "50", "OTEL_BLRP_SCHEDULE_DELAY": "50", "OTEL_METRIC_EXPORT_INTERVAL": "50"}


def exporting(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a program that logs and ends."""
    return subprocess.run(
        [sys.executable, "-c", _EXPORTING, program],
        env={**os.environ, **_FAST, **variables}, capture_output=True, text=True, check=True, timeout=300,
    )  # fmt: skip


def test_observability_logs_leave_masked_in_their_trace_and_as_they_are_written() -> None:
    with collecting() as collector:
        done = exporting("gateway", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
    logs = {one.body.string_value: one for one in collector.logs}
    assert logs.keys() == {"taken", "of 139****5678", "inside"}
    assert logs["taken"].trace_id.hex() == "ab" * 16
    assert (logs["taken"].severity_text, logs["taken"].severity_number) == ("info", SeverityNumber.SEVERITY_NUMBER_INFO)
    assert {**texts(logs["taken"].attributes), "count": ""} == {
        "program": "gateway", "phone": "***", "note": "call 138****5678", "trace_id": "ab" * 16, "count": "",
        "body": '{"token":"***"}',
    }  # fmt: skip
    assert logs["inside"].span_id.hex() == done.stdout.strip()
    assert {one.name for one in collector.spans} == {"work"}
    assert {one.name for _, one in collector.metrics} >= {"process_cpu_seconds"}
    assert "13812345678" not in f"{collector.logs}{done.stderr}"


def test_observability_a_collector_that_is_away_is_said_once_and_stops_nothing() -> None:
    away = "http://someone:s3cret@127.0.0.1:9"
    done = exporting("worker", OTEL_EXPORTER_OTLP_ENDPOINT=away, OTEL_EXPORTER_OTLP_TIMEOUT="1")
    lines = [json.loads(one) for one in done.stderr.splitlines()]
    assert [one["event"] for one in lines if one["event"] != "collector_away"] == ["taken", "of 139****5678", "inside"]
    [said] = [one for one in lines if one["event"] == "collector_away"]
    assert said["endpoint"] == "127.0.0.1:9"
    assert "s3cret" not in done.stderr


def test_observability_a_command_sends_neither_logs_nor_metrics_and_each_signal_can_be_left_out() -> None:
    with collecting() as collector:
        exporting("command", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url)
        assert (len(collector.spans), collector.logs, collector.metrics) == (1, [], [])
        logs = f"{collector.url}/v1/logs"
        exporting("gateway", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_METRICS_EXPORTER="none",
                  OTEL_TRACES_EXPORTER="none", OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=logs)  # fmt: skip
        assert (len(collector.spans), len(collector.logs), collector.metrics) == (1, 3, [])


def test_observability_metrics_of_prometheus_are_the_same_figures_as_points() -> None:
    registry = CollectorRegistry()
    counted = Counter("calls", "Calls", ["target"], registry=registry)
    counted.labels("erp").inc(3)
    Gauge("waiting", "Waiting", registry=registry).set(7)
    took = Histogram("took_seconds", "Time", buckets=(0.1, 1.0), registry=registry)
    took.observe(0.05)
    took.observe(0.5, exemplar_of(traceparent("a" * 32, EVENT)))
    took.observe(5.0)
    Summary("left_out", "No kind of OpenTelemetry's", registry=registry).observe(1)
    data = metrics_data(registry.collect(), Resource({}), began_ns=1, now_ns=9)
    [scope] = encode_metrics(data).resource_metrics[0].scope_metrics
    found = {one.name: one for one in scope.metrics}
    assert found.keys() == {"calls", "waiting", "took_seconds"}
    [calls] = found["calls"].sum.data_points
    assert (calls.as_double, found["calls"].sum.is_monotonic, texts(calls.attributes)) == (3.0, True, {"target": "erp"})
    assert [one.as_double for one in found["waiting"].gauge.data_points] == [7.0]
    [times] = found["took_seconds"].histogram.data_points
    assert (times.count, times.sum, [*times.bucket_counts], [*times.explicit_bounds]) == (
        3,
        5.55,
        [1, 1, 1],
        [0.1, 1.0],
    )
    assert not times.HasField("min")
    assert [(one.trace_id.hex(), one.as_double) for one in times.exemplars] == [("a" * 32, 0.5)]


def test_observability_what_is_no_trace_context_is_no_exemplar() -> None:
    assert exemplar_of("") is None
    assert exemplar_of("garbage") is None
