"""The spans of one ticket as a collector gets them: real programs, OTLP over HTTP, gzip, protobuf."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.bus_under_test import WEBHOOK_SECRET, Bus, eventually
from tests.e2e.push_clients import world_on

NOBODY = "http://127.0.0.1:9/callbacks"  # a port on which nothing listens
PHONE = "13800005678"


@dataclass
class Collector:
    """What was exported: spans by name, and the encodings of the requests."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    encodings: set[str] = field(default_factory=set)

    def named(self, name: str, trace_id: str = "") -> list[Span]:
        """List the spans of a name, of one trace or linked to it."""
        found = [one for one in list(self.spans) if one.name == name]
        linked = [{one.trace_id.hex(), *(link.trace_id.hex() for link in one.links)} for one in found]
        return [one for one, traces in zip(found, linked, strict=True) if not trace_id or trace_id in traces]


@contextmanager
def collecting() -> Iterator[Collector]:
    """Listen as an OpenTelemetry collector does."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            collector.encodings.add(self.headers.get("content-encoding", ""))
            exported = ExportTraceServiceRequest.FromString(gzip.decompress(body))
            collector.spans += [
                span for one in exported.resource_spans for scope in one.scope_spans for span in scope.spans
            ]
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        yield collector
        server.shutdown()


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
                return all(collector.named(name, trace_id) for name in operations)

            await eventually(complete, what=lambda: f"{sorted({one.name for one in collector.spans})}")
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
    assert not any(PHONE in str(one) for one in collector.spans)
