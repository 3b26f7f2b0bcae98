"""An upgrade as an operator does it, from each release on its own data, under traffic that repeats until answered."""

import json
import os
import shlex
import subprocess
import sys
import tarfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from uuid import uuid4

import httpx2
import psycopg
import pytest

from bus.local.ports import PortClaims
from bus.postgres.schema_number import known_schema
from bus.settings import Settings, variables
from tests.stack import fresh_data
from tests.store.releases import LAST_MIGRATION

pytestmark = pytest.mark.peers
ROOT = Path(__file__).parents[2]
COMMITS = {"0.2.0": "274c6ec8b301fb86c24c93ddbd4ef1363dcddce3"}
# A library that releases of before have, and we have no more: its folder of files is all that they take of it.
SWAGGER = "from pathlib import Path\nswagger_ui_path = str(Path(__file__).parent)\n"
A_SECOND = 20.0
OPENED = "SELECT state -> 'incident_key' ->> 'value' FROM ticket_states WHERE ticket_id NOT LIKE 'V%'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The programs of one release, and the data directory that all share."""

    tree: Path
    data: Path
    port: int

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command of this release to its end."""
        environment = {name: value for name, value in os.environ.items() if name not in variables().values()}
        environment |= {"PYTHONPATH": str(self.tree), "TICKETBUS_HTTP_PORT": str(self.port), **more}
        if cache := os.environ.get("TICKETBUS_CACHE"):
            environment["TICKETBUS_CACHE"] = cache
        command = [sys.executable, "-m", "bus", *arguments]
        return subprocess.run(
            command, cwd=self.tree, env=environment, capture_output=True, text=True, timeout=300, check=False
        )

    def succeed(self, *arguments: str) -> str:
        """Run a command that must succeed; gives its output."""
        done = self.run(*arguments, "--data", str(self.data))
        assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
        return done.stdout

    def exports(self) -> Mapping[str, str]:
        """Give the addresses of the running stack as its `env` prints them."""
        words = shlex.split(self.succeed("env"))
        return dict(one.split("=", 1) for one in words if one != "export")


@dataclass(slots=True, kw_only=True)
class PatientClient:
    """Reports incidents one after the other, each again under its key until somebody has answered it."""

    url: str
    token: str
    answered: list[str] = field(default_factory=list)
    _going: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def reporting(self) -> Iterator[None]:
        self._going.set()
        thread = threading.Thread(target=self._report, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._going.clear()
            thread.join()

    def more(self, count: int) -> None:
        """Wait until so many more are answered."""
        wanted, until = len(self.answered) + count, time.monotonic() + 120
        while len(self.answered) < wanted:
            assert time.monotonic() < until, "nobody answers"
            time.sleep(0.1)

    def _report(self) -> None:
        with httpx2.Client(
            base_url=self.url, headers={"Authorization": f"Bearer {self.token}"}, trust_env=False, timeout=5
        ) as client:
            while self._going.is_set():
                key = f"UP-{uuid4().hex}"
                body = {"incident_key": {"kind": "order", "value": key}, "title": "升级", "type": "hardware_fault"}
                while not self._sent(client, key, body):
                    time.sleep(0.2)
                self.answered.append(key)
                time.sleep(1 / A_SECOND)

    def _sent(self, client: httpx2.Client, key: str, body: object) -> bool:
        try:
            answer = client.post("/v1/tickets", json=body, headers={"Idempotency-Key": key})
        except httpx2.HTTPError:
            return False
        assert answer.status_code < 300 or answer.status_code in (401, 503), answer.text
        return answer.status_code < 300


@pytest.fixture(params=[*COMMITS])
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Release, Release]]:
    """Give a release of before and ours, on one data directory; what runs there is stopped afterwards."""
    tree = tmp_path / "tree"
    archive = subprocess.run(
        ["git", "archive", COMMITS[request.param]], cwd=ROOT, capture_output=True, check=False
    )  # fmt: skip
    if archive.returncode:
        pytest.skip(f"the history here does not hold {request.param} ({COMMITS[request.param][:8]})")
    with tarfile.open(fileobj=BytesIO(archive.stdout)) as files:
        files.extractall(tree, filter="data")
    (tree / "swagger_ui_bundle.py").write_text(SWAGGER)
    for name in ("swagger-ui.css", "swagger-ui-bundle.js"):
        (tree / name).touch()
    claims = PortClaims(Settings().cache)
    port = claims.claim(["http"], {}, fixed={})["http"]
    claims.release()
    with fresh_data() as data:
        before, ours = (Release(tree=one, data=data, port=port) for one in (tree, ROOT))
        try:
            yield request.param, before, ours
        finally:
            ours.run("down", "--data", str(data))


@pytest.mark.timeout(600)
def test_upgrade_under_traffic_loses_and_repeats_nothing_and_never_goes_beside_old_programs(
    releases: tuple[str, Release, Release],
) -> None:
    name, before, ours = releases
    before.succeed("up", "--detach")
    exports = before.exports()
    client = PatientClient(url=exports["TICKETBUS_URL"], token=exports["TICKETBUS_TOKEN"])
    with client.reporting():
        client.more(20)
        refused = ours.run("prepare", TICKETBUS_MASTER_KEY="m" * 43, **exports)
        assert refused.returncode == 1
        assert "stop them, then run `ticketbus prepare`" in refused.stderr
        assert schema(exports["DATABASE_URL"]) == LAST_MIGRATION[name], "nothing was touched"
        client.more(20)
        before.succeed("down")
        ours.succeed("up", "--detach")
        client.more(20)
    url = ours.exports()["DATABASE_URL"]
    assert schema(url) == known_schema()
    with psycopg.connect(url) as connection:
        opened = Counter(key for (key,) in connection.execute(OPENED).fetchall())
    assert opened == Counter(client.answered), "each report that was answered is one ticket"
    until = time.monotonic() + 60
    while (report := json.loads(ours.run("log", "verify", "--json", "--data", str(ours.data)).stdout))["waiting"]:
        assert time.monotonic() < until, "the outbox is not published"
    assert (report["differences"], report["repeats"]) == (0, 0)
    assert report["records"] >= len(client.answered) >= 60


def schema(url: str) -> str:
    with psycopg.connect(url) as connection:
        ((number,),) = connection.execute("SELECT max(version) FROM schema_migrations").fetchall()
    assert isinstance(number, str)
    return number
