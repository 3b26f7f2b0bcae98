"""The page on plugging in a source: its sample, its map and its signature, taken from its text alone."""

import asyncio
import hashlib
import hmac
import json
import re
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
import time_machine
from typer.testing import CliRunner

from adapters.contract_suites.source import delivered
from adapters.mapped.map_file import SourceMap
from adapters.mapped.mqtt_transport import Mqtt
from adapters.mapped.proof import Proof
from adapters.mapped.read_map import read_map
from adapters.mapped.shipped import shipped
from adapters.mapped.source import MappedSource
from adapters.mapped.translate import MapTranslator
from adapters.mapped.transports import AskedList, ListLogin, NextPage, SinceParameter, Transport
from adapters.mapped.trial import tried
from bus.cli import app
from bus.domain.closing_commands import Reopen
from bus.domain.errors import MalformedInput
from console.page import ROOT as PAGES_ROOT
from tests.console.conftest import HERE, Visitor, visitor
from tests.console.form import fields_of_form
from tests.history.uci import ROOT
from tests.mapped.maps import NOW
from tests.mapped.vendors import RULES, sample

__all__ = ["visitor"]
PAGE = (ROOT / "docs" / "plugging-in-sources.md").read_text(encoding="utf-8")
SENSORS = (ROOT / "docs" / "sensors.md").read_text(encoding="utf-8")
_BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)
SECRET = "the-secret-from-its-settings"


def blocks(kind: str) -> list[str]:
    return [text for found, text in _BLOCK.findall(PAGE) if found == kind]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Save the page's files under the page's names."""
    (tmp_path / "quan-desk.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    (tmp_path / "batch.json").write_text(blocks("json")[0], encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("folder")
def test_plugging_in_sources_check_and_try_say_what_the_page_shows() -> None:
    checked = CliRunner().invoke(app, ["map", "check", "quan-desk.yaml"])
    assert checked.exit_code == 0, checked.output
    with time_machine.travel(NOW, tick=False):
        tried = CliRunner().invoke(app, ["map", "try", "quan-desk.yaml", "batch.json"])
    assert tried.exit_code == 0, tried.output
    assert tried.output == blocks("text")[0]
    with time_machine.travel(NOW + timedelta(days=8), tick=False):
        old = CliRunner().invoke(app, ["map", "try", "quan-desk.yaml", "batch.json"])
    assert (old.exit_code, old.output.count("too_late")) == (0, 4), old.output
    assert "".join(one for one in old.output.splitlines(keepends=True) if "too_late" not in one) == tried.output


def test_plugging_in_sources_a_request_that_is_signed_as_the_page_says_is_proven(folder: Path) -> None:
    source = MappedSource(read_map(blocks("yaml")[0]), 1, {"QUAN_DESK_SECRET": SECRET})
    script = next(text for text in blocks("sh") if "openssl" in text)
    lines = [one for one in script.splitlines() if not one.startswith("curl")]
    done = subprocess.run(
        ["bash", "-ec", f"QUAN_DESK_SECRET={SECRET}; {'; '.join(lines)}; echo $T $SIGNATURE"],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
    )
    body, (signed_at, signature) = (folder / "now.json").read_bytes(), done.stdout.split()
    now = datetime.fromtimestamp(int(signed_at), UTC)
    headers = {"X-Quan-Time": signed_at, "X-Quan-Signature": f"v1={signature}"}
    assert signature == hmac.new(SECRET.encode(), f"{signed_at}.".encode() + body, hashlib.sha256).hexdigest()
    assert source.verify(headers, body, now) == f"b-{signed_at}"
    with pytest.raises(MalformedInput):
        source.verify(headers, body + b" ", now)
    [sample] = asyncio.run(tried(source.map, {"now.json": body}, {}, RULES, now))
    assert (sample.outcome, [one.hint for one in sample.commands]) == ("accepted", ["", ""])


def test_plugging_in_sources_try_proves_a_delivery_that_is_old(folder: Path) -> None:
    line = next(one for text in blocks("sh") for one in text.splitlines() if "--prove" in one)
    digest = hmac.new(SECRET.encode(), b"1795309800." + (folder / "batch.json").read_bytes(), hashlib.sha256)

    def outcome(signature: str, secret: str) -> tuple[int, str]:
        words = shlex.split(line.replace("SIGNATURE", signature))[1:]
        done = CliRunner().invoke(app, words, env={"QUAN_DESK_SECRET": secret})
        assert ("来源未证实" in done.stdout) == (done.exit_code != 0)
        return done.exit_code, done.stderr

    code, shown = outcome(digest.hexdigest(), SECRET)
    assert (code, "delivery id: b-7f31" in shown) == (0, True)
    code, shown = outcome("0" * 64, SECRET)
    assert (code, "bad_signature (x-quan-signature)" in shown) == (1, True)
    code, shown = outcome(digest.hexdigest(), "")
    assert (code, "QUAN_DESK_SECRET" in shown) == (1, True)


def test_plugging_in_sources_the_reopening_of_the_page_is_taken() -> None:
    part = next(text for text in blocks("yaml") if "command: reopen" in text)
    content = shipped("zendesk") + part
    source = MappedSource(read_map(content, ticket_types=RULES.sla), 1, {})
    body = sample("zendesk", "status").replace(b'"current": "SOLVED"', b'"current": "OPEN"')
    body = body.replace(b'"previous": "OPEN"', b'"previous": "SOLVED"')
    commands = [type(one.command) for one in source.translate(delivered(source, body))]
    assert Reopen in commands
    assert len(commands) == 2


async def test_plugging_in_sources_the_list_of_the_page_gives_tickets_in_the_form_of_its_webhooks() -> None:
    part = next(text for text in blocks("yaml") if text.startswith("listing:"))
    mapped = read_map(blocks("yaml")[0].replace("envelope:", f"{part}envelope:"), ticket_types=RULES.sla)
    assert mapped.listing is not None
    assert mapped.listing.documents is not None
    opened = json.loads(blocks("json")[0])["changes"][0]["case"]
    [document] = mapped.listing.documents.read({"data": {"items": [opened], "page": {"cursor": None}}})
    listed = MapTranslator(mapped).listed(document, lambda _: NOW)
    assert listed is not None
    assert listed.opening is not None
    assert (listed.number, listed.opening.title) == ("90017", "水泵不转")


async def test_plugging_in_sources_a_page_of_a_list_is_a_sample_of_its_documents() -> None:
    content = blocks("yaml")[0]
    asked = (
        "transport: {kind: list, url: 'https://desk.example/cases', since: {query: since}, changed_at: case.opened}\n"
        "delivery_id: {field: case.no}\ndocuments: changes\nnumber:"
    )
    begin, end = content.index("proof:"), content.index("number:")
    mapped = read_map(content[:begin] + asked + content[end + 7 :].replace("at: _envelope.sent\n", "", 1))
    page = blocks("json")[0].encode()
    found = await tried(mapped, {"page": page, "case": orjson.dumps(json.loads(page)["changes"][2])}, {}, RULES, NOW)
    assert [(one.sample, one.outcome) for one in found] == [
        ("page#1", "accepted"),
        ("page#2", "accepted"),
        ("page#3", "passed over"),
        ("case", "passed over"),
    ]


def test_plugging_in_sources_every_key_of_the_language_is_on_the_page() -> None:
    tables = PAGE[PAGE.index("## The whole language") : PAGE.index("### Expressions")]
    for name in SourceMap.model_fields:
        assert f"| `{name}` |" in tables
    for transport in Transport.__origin__.__args__:  # type: ignore[attr-defined]  # each kind of the union
        page = SENSORS if transport is Mqtt else tables
        assert all(f"`{name}`" in page for name in transport.model_fields if name != "kind")
    [asked] = [line for line in tables.splitlines() if line.startswith("| `list` |")]
    for part in (AskedList, ListLogin, NextPage, SinceParameter):
        assert all(re.search(rf"\b{field.alias or name}\b", asked) for name, field in part.model_fields.items())
    for proof in Proof.__origin__.__args__:  # type: ignore[attr-defined]  # each kind of the union
        assert f"| `{proof.model_fields['kind'].annotation.__args__[0]}` |" in tables
        assert all(f"`{name}`" in tables for name in proof.model_fields if name != "kind")


async def test_plugging_in_sources_the_browser_shows_what_the_command_does(visitor: Visitor) -> None:
    section = PAGE.split("### In the browser 在浏览器中")[1].split("\n## ")[0]
    await visitor.sign_in("sre")
    begun = await visitor.send("/maps", "/maps/open-map", source="quan-desk", shipped="")
    at = begun.headers["location"].removeprefix(PAGES_ROOT)
    given = {"content": blocks("yaml")[0], "sample": blocks("json")[0], "why": "接入泉台"}
    tried = (await visitor.send(at, f"{at}/try", **given)).text
    names = [line.split(":")[0].strip() for line in blocks("text")[0].splitlines() if line.startswith("    ")]
    assert re.findall(r"<dt><code>(\w+)</code></dt>", tried) == names
    assert "真的投递会被拒绝(too_late)" in tried
    form = fields_of_form(tried, f"{PAGES_ROOT}{at}/try")
    origin = {"Origin": HERE}
    for text in (blocks("yaml")[0], f"{blocks('yaml')[0]}# 2\n"):
        sent = form | given | {"content": text}
        applied = await visitor.http.post(f"{PAGES_ROOT}{at}/apply", data=sent, headers=origin)
        assert applied.status_code == 303, applied.text
        form = fields_of_form((await visitor.get(at)).text, f"{PAGES_ROOT}{at}/try")
    pages = (await visitor.get("/maps")).text + (await visitor.get(at)).text
    for words in re.findall(r"接入\w+|打开编辑|样例 \d|由样例生成初稿|试一试|为什么生效|生效|回退|停用", section):
        assert words in pages, words
