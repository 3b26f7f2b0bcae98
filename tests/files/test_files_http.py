"""Files over HTTP, on a real gateway: uploaded, named by evidence, read by their addresses, refused without a trace."""

import asyncio
import hashlib
import json
import os
import re
import socket
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2
import pytest

from bus.files.store import MARKER
from bus.gateway.auth.clients import add_client
from bus.gateway.auth.roles import Role
from bus.local.stack import Urls
from bus.postgres.pool import connected
from tests.bus_under_test import TOKEN, Bus, bus_on, eventually
from tests.delivery.test_disk_floor import disk
from tests.files import samples

BYTES_MAX = 300_000
DOCS = Path(__file__).parents[2] / "docs" / "files.md"
ASSIGNEE = {"role": "engineer", "person": "王工", "contact": "801", "backup_person": "李工", "backup_contact": "802"}
OPENING = {"title": "不制冷", "type": "hardware_fault", "region": "east"}


@pytest.fixture(scope="module")
def bus(parts: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bus]:
    with bus_on(parts, tmp_path_factory.mktemp("files"), database_kept=False) as made:
        made.environment |= {"TICKETBUS_FILE_BYTES_MAX": str(BYTES_MAX), "TICKETBUS_FILES_FREE_BYTES_MIN": "0"}
        made.start("gateway")
        asyncio.run(made.ready())
        yield made


@pytest.fixture
async def http(bus: Bus) -> AsyncIterator[httpx2.AsyncClient]:
    async with bus.client() as client:
        yield client


def unique(begin: bytes = samples.JPEG) -> bytes:
    """Give a file that no other test uploads."""
    return begin + uuid4().bytes


async def uploaded(http: httpx2.AsyncClient, content: bytes) -> Any:
    answer = await http.post("/v1/files", content=content)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def posted(http: httpx2.AsyncClient, path: str, body: object) -> httpx2.Response:
    return await http.post(path, json=body, headers={"Idempotency-Key": uuid4().hex})


async def opened(http: httpx2.AsyncClient, **own: Any) -> str:
    key = {"kind": "serial", "value": f"SN-{uuid4().hex}"}
    answer = await posted(http, "/v1/tickets", {**OPENING, "incident_key": key, **own})
    path = f"/v1/tickets/{answer.json()['ticket_id']}"
    for name, body in (("assign", {"assignee": ASSIGNEE}), ("arrive", {})):
        assert (await posted(http, f"{path}/{name}", body)).status_code == 200
    return path


def stored(bus: Bus) -> set[Path]:
    """List the files of the store, half-received ones too."""
    return {path for path in (bus.folder / "files").rglob("*") if path.is_file() and path.name != MARKER}


async def test_files_refuse_a_query_parameter_that_they_do_not_know(bus: Bus, http: httpx2.AsyncClient) -> None:
    before, address = stored(bus), (await uploaded(http, unique()))["url"]
    for answer in (await http.get(f"{address}&size=7"), await http.post("/v1/files?name=a.jpg", content=unique())):
        assert (answer.status_code, answer.json()["code"]) == (400, "unknown_field")
    assert len(stored(bus) - before) == 1


async def test_files_of_an_engineers_page_are_taken_as_any_upload_r19(http: httpx2.AsyncClient) -> None:
    path = await opened(http)
    page = urlsplit((await http.get(f"{path}/engineer-link")).json()["link"]).path
    assert (await http.get(f"{path}/engineer-qr")).content.startswith(b"<?xml")
    content = unique()
    (first, again) = [await http.post(f"{page}/photos", content=content) for _ in range(2)]
    assert (first.status_code, first.json()) == (201, again.json())
    assert first.json()["uri"] == f"ticketbus-file:{hashlib.sha256(content).hexdigest()}"
    for refused, status in ((bytes(BYTES_MAX + 1), 413), (b"MZ" + bytes(50), 415), (b"", 422)):
        assert (await http.post(f"{page}/photos", content=refused)).status_code == status
    gone = await http.post(f"{page[:-2]}xx/photos", content=samples.JPEG + bytes(200_000))
    assert (gone.status_code, gone.json()["code"]) == (410, "link_gone")
    named = {"kind": "photo", "uri": first.json()["uri"]}
    added = {"command": "add-evidence", "at": datetime.now(UTC).isoformat(), "fields": named}
    assert (await posted(http, f"{page}/actions", added)).status_code == 200
    assert [one["sha256"] for one in (await http.get(path)).json()["files"]] == [first.json()["sha256"]]


@pytest.mark.parametrize("role", ["files", "database"])
async def test_files_are_refused_while_their_disk_or_the_databases_is_at_its_floor(
    bus: Bus, http: httpx2.AsyncClient, role: str
) -> None:
    async def answers(status: int) -> httpx2.Response | None:
        answer = await http.post("/v1/files", content=unique())
        return answer if answer.status_code == status else None

    async with bus.core() as core:
        try:
            await disk(core.pool, role, "floor")
            refused = await eventually(lambda: answers(503), within_s=20, what=lambda: "503 at the floor")
            assert refused is not None
            assert (refused.json()["code"], refused.headers["retry-after"]) == ("disk_floor", "30")
            assert "app-1" in refused.json()["detail"]
            if role == "files":
                await opened(http)  # tickets go on
            await disk(core.pool, role, "high")
            await eventually(lambda: answers(201), within_s=20, what=lambda: "201 below it")
        finally:
            async with connected(core.pool) as connection:
                await connection.execute("DELETE FROM disks WHERE host = 'app-1'")


async def test_files_are_uploaded_once_and_read_by_a_signed_address(bus: Bus, http: httpx2.AsyncClient) -> None:
    content = unique()
    first, again = await uploaded(http, content), await uploaded(http, content)
    sha256 = hashlib.sha256(content).hexdigest()
    assert (first["uri"], first["sha256"]) == (f"ticketbus-file:{sha256}", sha256)
    assert (first["size"], first["media_type"], first["uri"]) == (len(content), "image/jpeg", again["uri"])
    place = bus.folder / "files" / sha256[:2] / sha256
    assert place.read_bytes() == content
    assert [oct(path.stat().st_mode)[-3:] for path in (place, place.parent, bus.folder / "files")] == [
        "600", "700", "700",
    ]  # fmt: skip
    async with httpx2.AsyncClient(base_url=bus.url, trust_env=False) as nobody:
        answer = await nobody.get(first["url"])
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in answer.headers["content-security-policy"]
        assert answer.headers["content-disposition"] == f'inline; filename="{sha256[:12]}.jpg"'
        part = await nobody.get(first["url"], headers={"Range": "bytes=3-5"})
        assert (part.status_code, part.content) == (206, content[3:6])
        assert part.headers["content-range"] == f"bytes 3-5/{len(content)}"
        assert (await nobody.get(first["url"], headers={"Range": "bytes=-4"})).content == content[-4:]
        assert (await nobody.get(first["url"], headers={"Range": "bytes=9999-"})).status_code == 416
        head = await nobody.head(first["url"])
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
        for url in (first["url"][:-1], f"/v1/files/{sha256}", first["url"].replace(sha256, "0" * 64)):
            assert (await nobody.get(url)).json()["code"] == "address_wrong"


async def test_files_of_evidence_are_shown_with_the_ticket(http: httpx2.AsyncClient) -> None:
    path, photo, text = await opened(http), unique(), samples.TEXT + uuid4().hex.encode()
    one, other = await uploaded(http, photo), await uploaded(http, text)
    added = await posted(http, f"{path}/add-evidence", {"kind": "document", "uri": other["uri"]})
    assert added.status_code == 200, added.text
    resolving = {"photos": [one["uri"]], "summary": "s", "root_cause": "control_board"}
    answer = await posted(http, f"{path}/resolve", resolving)
    assert answer.status_code == 200, answer.text
    files = (await http.get(path)).json()["files"]
    assert {(file["uri"], file["media_type"]) for file in files} == {
        (one["uri"], "image/jpeg"),
        (other["uri"], "text/plain"),
    }
    assert {(await http.get(file["url"])).content for file in files} == {photo, text}
    events = (await http.get(f"{path}/events")).json()["events"]
    assert [event["sha256"] for event in events if "sha256" in event] == [other["sha256"]]


async def test_files_are_shown_by_commands_and_exported(bus: Bus, http: httpx2.AsyncClient) -> None:
    path, content = await opened(http, customer={"phone": "13800009911"}), unique()
    file, number = await uploaded(http, content), path.rpartition("/")[2]
    assert (await posted(http, f"{path}/add-evidence", {"kind": "photo", "uri": file["uri"]})).status_code == 200
    shown = await asyncio.to_thread(bus.run, "ticket", "show", number)
    [url] = [word for word in shown.stdout.split() if word.startswith(f"{bus.url}/v1/files/")]
    assert (await http.get(url)).content == content
    exported = await asyncio.to_thread(bus.run, "privacy", "export", "13800009911", "--by", "张工")
    [ticket] = json.loads(exported.stdout)["tickets"]
    assert [one["sha256"] for one in ticket["files"]] == [file["sha256"]]
    log = await asyncio.to_thread(bus.run, "privacy", "log", "--ticket", number)
    assert [line for line in log.stdout.splitlines() if "shell" in line and "files" in line] != []


async def test_files_have_their_tickets_again_after_the_log_is_restored(bus: Bus, http: httpx2.AsyncClient) -> None:
    path, file = await opened(http), await uploaded(http, unique())
    number = path.rpartition("/")[2]
    assert (await posted(http, f"{path}/add-evidence", {"kind": "photo", "uri": file["uri"]})).status_code == 200
    waiting = "SELECT count(*) FROM outbox WHERE ticket_id = %s AND published_at IS NULL"

    async def published() -> bool:
        return bus.query(waiting, number) == [(0,)]

    await eventually(published)
    bus.query("UPDATE files SET tickets = '{}' WHERE sha256 = %s RETURNING 1", file["sha256"])
    for table in ("outbox", "events", "commands", "ticket_states"):
        bus.query(f"DELETE FROM {table} WHERE ticket_id = %s RETURNING 1", number)  # noqa: S608 - names of our own
    restored = await asyncio.to_thread(bus.run, "log", "restore")
    assert restored.returncode == 0, restored.stderr
    assert [one["uri"] for one in (await http.get(path)).json()["files"]] == [file["uri"]]


async def test_files_are_uploaded_and_read_by_the_lines_of_the_docs(
    bus: Bus, http: httpx2.AsyncClient, tmp_path: Path
) -> None:
    blocks = re.findall(r"^```sh\n(.*?)^```", DOCS.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    path = await opened(http)
    environment = {
        **os.environ, "TICKETBUS_URL": bus.url, "TICKETBUS_TOKEN": TOKEN, "TICKET": path.rpartition("/")[2],
        "NO_PROXY": "*",
    }  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", "\n".join(blocks[:2]), cwd=tmp_path, env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert [file["size"] for file in (await http.get(path)).json()["files"]] == [4]


async def test_files_that_were_never_uploaded_are_no_evidence(http: httpx2.AsyncClient) -> None:
    path, known = await opened(http), await uploaded(http, unique())
    strange = "ticketbus-file:" + "0" * 64
    refused = await posted(http, f"{path}/add-evidence", {"kind": "photo", "uri": strange})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "no_such_file", "uri")
    refused = await posted(http, f"{path}/resolve", {"photos": [strange], "summary": "s", "root_cause": "fan"})
    assert (refused.json()["code"], refused.json()["field"]) == ("no_such_file", "photos")
    refused = await posted(http, f"{path}/add-evidence", {"kind": "photo", "uri": known["uri"], "sha256": "1" * 64})
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (422, "another_file", "sha256")
    for spelled in ("ticketbus-file:" + "A" * 64, "TicketBus-File:" + "0" * 64, "ticketbus-file:x", "ticketbus-file:"):
        refused = await posted(http, f"{path}/add-evidence", {"kind": "photo", "uri": spelled})
        assert refused.json()["code"] == "not_an_address", spelled
    upper = {"kind": "photo", "uri": known["uri"], "sha256": known["sha256"].upper()}
    assert (await posted(http, f"{path}/add-evidence", upper)).status_code == 200


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 422, "file_empty"),
        (samples.HTML, 415, "file_type"),
        (samples.SVG, 415, "file_type"),
        (b"\x7fELF" + b"\0" * 100_000, 415, "file_type"),
        (samples.TEXT * 5_000 + b"\0", 415, "file_type"),
        (samples.JPEG + b"\0" * BYTES_MAX, 413, "file_too_large"),
    ],
)
@pytest.mark.parametrize("in_chunks", [False, True])
async def test_files_that_are_refused_leave_nothing_behind(
    bus: Bus, http: httpx2.AsyncClient, content: bytes, status: int, code: str, *, in_chunks: bool
) -> None:
    before = stored(bus)

    async def parts() -> AsyncIterator[bytes]:
        for at in range(0, max(len(content), 1), 50_000):
            yield content[at : at + 50_000]

    answer = await http.post("/v1/files", content=parts() if in_chunks else content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert ("内容类型" in answer.json()["title"]) == (status == 415)
    assert stored(bus) == before


async def test_files_sent_as_a_form_or_by_who_may_not_are_refused(bus: Bus, http: httpx2.AsyncClient) -> None:
    form = await http.post("/v1/files", files={"file": ("a.jpg", unique(), "image/jpeg")})
    assert (form.status_code, form.json()["code"]) == (415, "multipart")
    called = await http.post("/v1/files", content=samples.TEXT, headers={"Content-Type": "image/jpeg"})
    assert (called.status_code, "不是图片" in called.json()["detail"]) == (415, True)
    async with bus.client("nobody") as nobody:
        assert (await nobody.post("/v1/files", content=unique())).status_code == 401
    async with bus.core() as core:
        token = await add_client(core.pool, "reader", Role.SUBSCRIBER)
    async with bus.client(token) as reader:
        answer = await reader.post("/v1/files", content=unique())
    assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed")


async def test_files_broken_off_leave_nothing_behind(bus: Bus) -> None:
    before, at = stored(bus), urlsplit(bus.url)
    head = f"POST /v1/files HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 200000\r\n\r\n"

    def begin() -> socket.socket:
        connection = socket.create_connection((at.hostname, at.port))
        connection.sendall(head.encode() + samples.JPEG + os.urandom(100_000))
        return connection

    connection = await asyncio.to_thread(begin)

    async def half() -> bool:
        return stored(bus) != before

    async def gone() -> bool:
        return stored(bus) == before

    await eventually(half)
    connection.close()
    await eventually(gone)
