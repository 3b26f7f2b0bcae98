"""An OpenTelemetry collector for tests: takes traces, metrics and logs over OTLP/HTTP, protobuf, gzip or plain."""

import gzip
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def texts(attributes: Sequence[KeyValue]) -> Mapping[str, str]:
    """Give attributes that are texts by their names."""
    return {one.key: one.value.string_value for one in attributes}


@dataclass
class Collector:
    """What was exported: spans, log records, and metrics with the resource each is of; and the requests' encodings."""

    url: str = ""
    spans: list[Span] = field(default_factory=list)
    logs: list[LogRecord] = field(default_factory=list)
    metrics: list[tuple[Mapping[str, str], Metric]] = field(default_factory=list)
    encodings: set[str] = field(default_factory=set)

    def named(self, name: str, trace_id: str = "") -> list[Span]:
        """List the spans of a name, of one trace or linked to it."""
        found = [one for one in list(self.spans) if one.name == name]
        linked = [{one.trace_id.hex(), *(link.trace_id.hex() for link in one.links)} for one in found]
        return [one for one, traces in zip(found, linked, strict=True) if not trace_id or trace_id in traces]

    def take(self, path: str, body: bytes) -> None:
        """Take in a request. Raises KeyError for a path that collectors do not have."""
        match path:
            case "/v1/traces":
                traces = ExportTraceServiceRequest.FromString(body)
                self.spans += [
                    one for each in traces.resource_spans for scope in each.scope_spans for one in scope.spans
                ]
            case "/v1/logs":
                logs = ExportLogsServiceRequest.FromString(body)
                self.logs += [
                    one for each in logs.resource_logs for scope in each.scope_logs for one in scope.log_records
                ]
            case "/v1/metrics":
                metrics = ExportMetricsServiceRequest.FromString(body)
                self.metrics += [
                    (texts(each.resource.attributes), one)
                    for each in metrics.resource_metrics
                    for scope in each.scope_metrics
                    for one in scope.metrics
                ]
            case _:
                raise KeyError(path)


@contextmanager
def collecting(port: int = 0) -> Iterator[Collector]:
    """Listen as a collector does."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            encoding = self.headers.get("content-encoding", "")
            collector.encodings.add(encoding)
            collector.take(self.path, gzip.decompress(body) if encoding == "gzip" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that http.server has
            pass

    with ThreadingHTTPServer(("127.0.0.1", port), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        collector.url = f"http://127.0.0.1:{server.server_port}"
        yield collector
        server.shutdown()
