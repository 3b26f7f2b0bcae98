"""What a collector gets of one ticket: spans, metrics and logs of real programs, OTLP over HTTP, gzip, protobuf."""

import json
from pathlib import Path

import yaml

from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.e2e.push_clients import world_on
from tests.otlp_collector import Collector, collecting, texts

NOBODY = "http://127.0.0.1:9/callbacks"  # a port on which nothing listens
PHONE = "13800005678"
CALL_SECONDS = "ticketbus_delivery_call_seconds"


def traces_of_calls(collector: Collector) -> set[str]:
    """Give the traces that the worker's times of calls lead to."""
    calls = [one for of, one in list(collector.metrics) if of["service.name"] == "ticketbus-worker"]
    points = [each for one in calls if one.name == CALL_SECONDS for each in one.histogram.data_points]
    assert all(sum(one.bucket_counts) == one.count for one in points)
    return {exemplar.trace_id.hex() for one in points for exemplar in one.exemplars}


async def test_spans_every_operation_of_a_ticket_reaches_the_collector_in_one_trace(bus: Bus, tmp_path: Path) -> None:
    with collecting() as collector:
        targets = {
            "app": {"adapter": "engineer-app", "events": "all", "attempt_timeout": "PT5S"},
            "crm": {
                "adapter": "crm-callback",
                "events": "all",
                "options": {"url": NOBODY, "secrets": ["CRM_SECRET"]},
            },
        }
        (tmp_path / "targets.yaml").write_text(yaml.safe_dump({"targets": targets}))
        bus.environment |= {
            "TICKETBUS_TARGETS_FILE": str(tmp_path / "targets.yaml"),
            "CRM_SECRET": WEBHOOK_SECRET,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
            "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
            "OTEL_BLRP_SCHEDULE_DELAY": "200",
            "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        }
        bus.start("gateway")
        bus.start("worker")
        await bus.ready()
        world = await world_on(bus, tmp_path)
        async with world.app():
            ticket_id = await world.ticket(phone=PHONE)
            await world.told(ticket_id, "note", {"text": f"请回电 {PHONE}"})
            ((trace_id,),) = bus.query("SELECT trace_id FROM ticket_states WHERE ticket_id = %s", ticket_id)
            topic = f"{bus.settings.namespace}.ticket.events"
            operations = (
                "POST /v1/tickets",
                "decide",
                "append",
                f"send {topic}",
                f"process {topic}",
                "create note.added.v1",
                "deliver crm",
                "push app",
                "acknowledge app",
            )

            async def complete() -> bool:
                spanned = all(collector.named(name, trace_id) for name in operations)
                return spanned and trace_id in traces_of_calls(collector)

            await eventually(complete, what=lambda: f"{sorted({one.name for one in collector.spans})}")
            await _exemplars_in_the_text(bus, trace_id)
        for program in ("worker", "gateway"):
            assert bus.stop(program) == 0, bus.last_words(program)
    assert collector.encodings == {"gzip"}
    events = {one.span_id for one in collector.spans if one.name.startswith("create ")}
    for name in ("deliver crm", "push app", "acknowledge app"):
        assert {one.parent_span_id for one in collector.named(name, trace_id)} <= events, name
    for name in ("append", f"send {topic}", f"process {topic}"):
        (first, *_) = collector.named(name, trace_id)
        assert {link.span_id for link in first.links} <= events, name
    (failed, *_) = collector.named("deliver crm")
    assert failed.status.code == failed.status.STATUS_CODE_ERROR
    assert [one.value.string_value for one in failed.attributes if one.key == "error.type"] == ["unreachable"]
    assert not any(PHONE in str(one) for one in (*collector.spans, *collector.logs, *collector.metrics))
    _metrics_of_both_programs(collector)
    _logs_as_on_stderr(collector, bus)


async def _exemplars_in_the_text(bus: Bus, trace_id: str) -> None:
    async with bus.client() as http:
        plain = await http.get("/metrics", headers={"Accept": "text/plain"})
        found = await http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert found.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    [line] = [one for one in found.text.splitlines() if "request_seconds_bucket" in one and trace_id in one]
    assert 'route="/v1/tickets"' in line
    assert trace_id not in plain.text


def _metrics_of_both_programs(collector: Collector) -> None:
    last = {(resource["service.name"], one.name): one for resource, one in collector.metrics}
    assert {one["service.version"] for one, _ in collector.metrics} != {""}
    assert len({resource["service.instance.id"] for resource, _ in collector.metrics}) == 2
    opened = [
        one
        for one in last["ticketbus-gateway", "ticketbus_commands"].sum.data_points
        if texts(one.attributes)["command"] == "open-ticket"
    ]
    assert [one.as_double for one in opened] == [1.0]


def _logs_as_on_stderr(collector: Collector, bus: Bus) -> None:
    shown = [json.loads(one) for one in bus.log_of("worker").splitlines() if one.startswith("{")]
    sent = {one.body.string_value for one in collector.logs}
    assert {one["event"] for one in shown} & sent
