"""A board for tests: a real HTTP server that keeps one pin per key."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-of-the-board"


class BoardServer(ThreadingHTTPServer):
    """Listens on this machine; `pins` by key."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pins: dict[str, Any] = {}

    @property
    def url(self) -> str:
        """Where pins go."""
        return f"http://127.0.0.1:{self.server_address[1]}/pins"

    def effects(self) -> int:
        """Count the pins."""
        return len(self.pins)


class _Handler(BaseHTTPRequestHandler):
    server: BoardServer

    def do_POST(self) -> None:
        """Pin what comes."""
        pin = json.loads(self.rfile.read(int(self.headers["content-length"])))
        known = self.headers["authorization"] == f"Bearer {TOKEN}"
        if known:
            self.server.pins[pin["key"]] = pin
        body = json.dumps({"pinned": known}).encode()
        self.send_response(200 if known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def board() -> Iterator[BoardServer]:
    """Run a board for the length of a block."""
    with BoardServer() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()
